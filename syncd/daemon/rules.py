"""The settings' rules as a plan, and as patterns that keep a path at home. Pure."""

import os
from collections.abc import Iterable, Sequence
from itertools import dropwhile
from pathlib import Path
from typing import assert_never

from syncd.config import IgnoreRule, RestartRule, Rule, RunRule, Sync, SyncRule, Target
from syncd.plan import Action, Plan, Restart, Rule as Planned, Run
from syncd.reload import PATTERNS, Pattern


def plan(rules: Iterable[Rule]) -> Plan:
    """Return what follows when a path has landed, by `rules`."""
    return Plan([Planned(rule.paths, _action(rule)) for rule in rules])


def makes_up_for(target: Target, path: Path) -> bool:
    """Tell whether a command in the containers follows a change of `path`."""
    for sync in target.sync:
        if path.is_relative_to(sync.local):
            relative = os.fsencode(path.relative_to(sync.local))
            actions = plan(target.rules).actions([relative])
            return any(isinstance(action, Run) for action in actions)
    return False


def ignored(target: Target, sync: Sync) -> tuple[str, ...]:
    """Return the patterns of `sync` and of the ignore rules, in gitignore's order.

    Of rules the first match decides, of patterns the last: so they are turned round,
    and a rule that stands before an ignore rule takes its paths out again.
    """
    backwards: Sequence[Rule] = target.rules[::-1]
    deciding = dropwhile(lambda rule: not isinstance(rule, IgnoreRule), backwards)
    return (
        *sync.ignore,
        *(
            pattern if isinstance(rule, IgnoreRule) else f"!{pattern.lstrip('!')}"
            for rule in deciding
            for pattern in rule.paths
        ),
    )


def patterns(target: Target) -> tuple[Pattern, ...]:
    """Return the servers whose logs are understood, the target's own before the rest."""
    own = target.reload
    if own is None:
        return PATTERNS
    said = Pattern(own.server, own.armed or "", own.began or "", own.serving)
    return (said, *PATTERNS)


def _action(rule: Rule) -> Action | None:
    match rule:
        case RunRule():
            return Run(tuple(rule.run), rule.cwd, rule.timeout_s)
        case RestartRule():
            return Restart(rule.restart.match, rule.restart.signal)
        case SyncRule() | IgnoreRule():
            return None
        case _:
            assert_never(rule)

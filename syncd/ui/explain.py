"""Why a path is synced or not, and where that is decided."""

import os
from collections.abc import Iterator
from pathlib import Path

from pathspec import GitIgnoreSpec

from syncd.config import RestartRule, Rule, RunRule, Settings, Sync, Target, place
from syncd.daemon import rules
from syncd.ignore import Ignore
from syncd.ui.text import safe


def explained(settings: Settings, path: Path, cwd: Path) -> tuple[list[str], bool]:
    """Return what becomes of `path`, line by line, and whether it is synced at all."""
    path = Path(os.path.normpath(cwd / path))
    verdicts = [
        _verdict(settings, index, target, sync, path, cwd)
        for index, target in enumerate(settings.targets)
        for sync in target.sync
        if path.is_relative_to(sync.local)
    ]
    if not verdicts:
        folders = {str(s.local) for target in settings.targets for s in target.sync}
        return [
            f"{safe(str(path))}: in none of the synced folders",
            *(f"  {safe(folder)}" for folder in sorted(folders)),
        ], False
    lines = [line for said, _ in verdicts for line in said]
    return [safe(str(path)), *lines], any(synced for _, synced in verdicts)


def _verdict(
    settings: Settings, index: int, target: Target, sync: Sync, path: Path, cwd: Path
) -> tuple[list[str], bool]:
    title = safe(target.title)
    inner = path.relative_to(sync.local)
    lands = safe(f"{title}:{sync.remote}" + ("" if inner == Path() else f"/{inner}"))
    if inner == Path():
        return [f"  → {lands}, the root of a sync entry"], True
    ignore = Ignore.load(sync.local, rules.ignored(target, sync))
    decision = ignore.explain(os.fsencode(inner), is_dir=path.is_dir())
    because = (
        f"{safe(decision.rule)} ({safe(decision.source)})" if decision.rule else ""
    )
    if decision.ignored:
        return [f"  {title}: not synced, because of {because}"], False
    said = [f"  → {lands}"]
    if because:
        said.append(f"    not ignored, because of {because}")
    said += _rule(settings, index, inner, cwd)
    return said, True


def _rule(settings: Settings, index: int, inner: Path, cwd: Path) -> Iterator[str]:
    """Yield which rule of the target decides what else happens."""
    for at, rule in enumerate(settings.targets[index].rules):
        if GitIgnoreSpec.from_lines(rule.paths).match_file(inner):
            where = place(settings, ("target", index, "rule", at), cwd)
            yield f"    then {_action(rule)}, by {where}"
            return


def _action(rule: Rule) -> str:
    match rule:
        case RunRule():
            return f"run {safe(' '.join(rule.run))}"
        case RestartRule():
            return f"send {rule.restart.signal} to {safe(rule.restart.match)}"
        case _:
            return "nothing more"

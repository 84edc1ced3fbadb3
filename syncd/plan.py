"""Changes in, actions out. Pure.

Rules are read in order and the first that matches a path decides for it. A file that
no rule matches is synced and nothing else happens.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pathspec import GitIgnoreSpec


@dataclass(frozen=True, slots=True)
class Run:
    """Run a command in the container, after the batch has landed there.

    Attributes:
        argv: The command; no shell reads it.
        cwd: Absolute folder in the container, or None for the sync root.
    """

    argv: tuple[str, ...]
    cwd: str | None = None
    timeout_s: float = 300.0

    def __str__(self) -> str:
        return " ".join(self.argv)


@dataclass(frozen=True, slots=True)
class Restart:
    """Send a signal to the processes whose command line contains `match`."""

    match: str
    signal: str = "HUP"

    def __str__(self) -> str:
        return f"{self.signal} {self.match}"


Action = Run | Restart


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from a change to a path.

    Attributes:
        paths: Patterns in gitignore's syntax, relative to the sync root.
        action: None means that syncing is all; it ends the search.
    """

    paths: tuple[str, ...]
    action: Action | None


class Plan:
    """The rules of one target, ready to be asked.

    Args:
        rules: In order; the first match wins.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = [
            (GitIgnoreSpec.from_lines(rule.paths), rule.action) for rule in rules
        ]

    def actions(self, paths: Iterable[bytes]) -> tuple[Action, ...]:
        """Return what the changed `paths` ask for: each action once, in rule order.

        Args:
            paths: Relative to the sync root.
        """
        if not self._rules:
            return ()
        deciding = {self.deciding(path) for path in paths}
        wanted = (
            action
            for index, (_, action) in enumerate(self._rules)
            if index in deciding and action is not None
        )
        return tuple(dict.fromkeys(wanted))

    def deciding(self, path: bytes) -> int | None:
        """Return the index of the rule that decides for `path`; None if none does."""
        name = os.fsdecode(path)
        matching = (
            index
            for index, (spec, _) in enumerate(self._rules)
            if spec.match_file(name)
        )
        return next(matching, None)

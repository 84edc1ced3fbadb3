"""Why a path is synced or not, and where that is decided."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from syncd.config import RestartRule, Rule, RunRule, Settings, Sync, Target, place
from syncd.daemon import rules
from syncd.daemon.folder import ignore_of
from syncd.ignore import Decision
from syncd.ui.text import safe


_ORIGIN = "settings"


def explained(settings: Settings, path: Path, cwd: Path) -> tuple[list[str], bool]:
    """Return what becomes of `path`, line by line, and whether it is synced at all."""
    path = Path(os.path.normpath(cwd / path))
    title = safe(str(path)) + ("" if os.path.lexists(path) else ", which is not there")
    entries = [
        _Entry(settings, (index, at), cwd)
        for index, target in enumerate(settings.targets)
        for at in range(len(target.sync))
    ]
    meant = [entry for entry in entries if path.is_relative_to(entry.sync.local)]
    if not meant:
        folders = sorted({f"  {safe(str(entry.sync.local))}" for entry in entries})
        return [f"{title}: in none of the synced folders", *folders], False
    verdicts = [entry.verdict(path) for entry in meant]
    lines = [line for said, _ in verdicts for line in said]
    return [title, *lines], any(synced for _, synced in verdicts)


@dataclass(frozen=True, slots=True)
class _Entry:
    """One sync entry of the settings, asked about a path in its folder.

    Attributes:
        at: The index of its target, and its own in the target.
    """

    settings: Settings
    at: tuple[int, int]
    cwd: Path

    @property
    def target(self) -> Target:
        return self.settings.targets[self.at[0]]

    @property
    def sync(self) -> Sync:
        return self.target.sync[self.at[1]]

    def verdict(self, path: Path) -> tuple[list[str], bool]:
        """Return what is to be said of `path`, and whether it is synced."""
        title, inner = safe(self.target.title), path.relative_to(self.sync.local)
        if inner == Path():
            return [f"  → {title}:{safe(self.sync.remote)}, the root of an entry"], True
        patterns = rules.ignored(self.target, self.sync)
        ignore = ignore_of(
            self.sync.local, patterns, self.settings.project, origin=_ORIGIN
        )
        decision = ignore.explain(os.fsencode(inner), is_dir=path.is_dir())
        if decision.ignored:
            return [f"  {title}: not synced: {self._because(decision, inner)}"], False
        said = [f"  → {title}:{safe(self.sync.remote)}/{safe(str(inner))}"]
        if decision.rule:
            said.append(f"    not ignored: {self._because(decision, inner)}")
        return [*said, *self._follows(inner)], True

    def _because(self, decision: Decision, inner: Path) -> str:
        met = ""
        if decision.path != os.fsencode(inner):
            met = f" meets {safe(decision.path)}/"
        return f"{safe(decision.rule)}{met}, {safe(self._source(decision.source))}"

    def _source(self, source: str) -> str:
        """Return where a rule stands, as an editor can follow it."""
        if setting := re.fullmatch(rf"{_ORIGIN}\[(\d+)\]", source):
            return place(self.settings, self._key(int(setting[1])), self.cwd)
        if re.fullmatch(r".*:\d+", source):
            file = os.path.normpath(self.sync.local / source)
            inside = Path(file).is_relative_to(self.cwd)
            return os.path.relpath(file, self.cwd) if inside else file
        return source

    def _key(self, index: int) -> tuple[str | int, ...]:
        """Return the key of the pattern that `rules.ignored` gives at `index`."""
        target, at = self.at
        own = len(self.sync.ignore)
        if index < own:
            return ("target", target, "sync", at, "ignore", index)
        # After the entry's own come those of the rules, the last rule first; some of
        # the last may be left out, so they are counted from the end.
        total = len(rules.ignored(self.target, self.sync))
        keys = [
            ("target", target, "rule", number, "paths", pattern)
            for number, rule in reversed(list(enumerate(self.target.rules)))
            for pattern in range(len(rule.paths))
        ]
        return keys[index - total]

    def _follows(self, inner: Path) -> Iterator[str]:
        """Yield what else happens, by the first rule that matches."""
        number = rules.plan(self.target.rules).deciding(os.fsencode(inner))
        if number is not None:
            key = ("target", self.at[0], "rule", number)
            where = place(self.settings, key, self.cwd)
            yield f"    then {_action(self.target.rules[number])}: {where}"


def _action(rule: Rule) -> str:
    match rule:
        case RunRule():
            return f"run {safe(' '.join(rule.run))}"
        case RestartRule():
            return f"send {rule.restart.signal} to {safe(rule.restart.match)}"
        case _:
            return "nothing more"

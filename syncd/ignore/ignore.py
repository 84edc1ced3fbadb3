"""All layers of rules, asked together."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Self

from syncd.ignore import builtin, sources
from syncd.ignore.layers import Layers, ignores, overrules
from syncd.ignore.repo import Repository
from syncd.ignore.rules import Line, Rule, Rules, Standing
from syncd.ignore.sources import Sources


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a path, and why.

    Attributes:
        rule: The pattern that decided, or "" if none did.
        source: Where it stands: `.gitignore:3`, `built-in`, a setting, or "".
        path: What the rule met: the path asked for, or a folder above it.
    """

    ignored: bool
    rule: str
    source: str
    path: bytes


@dataclass(slots=True)
class _Folder:
    """What is known of a folder; `layers` is None where nothing in it can count."""

    rule: Rule | None
    layers: Layers | None
    children: "dict[bytes, _Folder] | None" = None


class Ignore:
    """The rules of one sync root, read as folders are asked for, and remembered.

    Threads may share one: what they remember for each other is never half made.

    Args:
        root: The sync root.
        extra: Patterns of the settings, in gitignore's syntax, relative to the root.
        origin: What the settings' patterns are called in explanations.
        project: The highest folder whose rules count; if None, the repository's root.

    Attributes:
        generation: How often the rules were read.

    Raises:
        ConfigError: If `.dockerignore` is one that Docker refuses.
    """

    def __init__(
        self, root: Path, extra: Sequence[str], origin: str, project: Path | None
    ) -> None:
        self._root = root
        self._project = project
        self._reading = Lock()
        self.generation = 0
        self._settings = Rules(
            Line(os.fsencode(pattern), f"{origin}[{index}]", Standing.OWN)
            for index, pattern in enumerate(extra)
        )
        self.reload()

    @classmethod
    def load(
        cls,
        root: Path,
        extra: Sequence[str] = (),
        *,
        origin: str = "ignore",
        project: Path | None = None,
    ) -> Self:
        """Read the rules of `root`; the arguments are those of the class."""
        return cls(root, extra, origin, project)

    def reload(self) -> None:
        """Forget what was read and read it again.

        Raises:
            ConfigError: If Docker refuses its rules; then the old ones stand.
        """
        # One after the other, so that what was read last is what stands.
        with self._reading:
            self._reload()

    def _reload(self) -> None:
        found = Sources.of(self._root, self._project)
        docker = found.docker()
        layers = Layers(
            self._settings,
            tuple(rules for rules in found.own() if rules),
            () if docker else tuple(rules for rules in found.git() if rules),
            docker,
        )
        self._sources = found
        self._docker_path = found.docker_path
        self._withheld: set[bytes] = set()
        self._top = _Folder(None, self._with_files(layers, b""))
        # Last: who sees the new number may rely on the new rules.
        self.generation += 1

    @property
    def repository(self) -> Repository | None:
        """The git repository that the root lies in."""
        return self._sources.repository

    @property
    def outside(self) -> tuple[tuple[Path, frozenset[bytes]], ...]:
        """Folders outside of the root, and which files there hold rules of it."""
        return self._sources.outside()

    @property
    def withheld(self) -> tuple[bytes, ...]:
        """What was asked for and stays here because it looks like a secret."""
        return tuple(sorted(self._withheld))

    def ignored(self, path: bytes, *, is_dir: bool) -> bool:
        """Return whether `path` is ignored, by itself or for a folder above it.

        A folder that Docker excludes is ignored even if some of its content is not.
        """
        return bool(path) and ignores(self._rule(path, is_dir=is_dir)[0])

    def walks(self, folder: bytes) -> bool:
        """Return whether anything in `folder` can be other than ignored."""
        return self._folder(folder).layers is not None

    def within(self, folder: bytes) -> Callable[[bytes, bytes], bool]:
        """Return what `ignored` would, for the files of one folder, at a lower price.

        It takes the name of a file and its path.
        """
        layers = self._folder(folder).layers
        if layers is None:
            return lambda _name, _path: True
        decide = layers.decide

        def ignored(name: bytes, path: bytes) -> bool:
            rule = decide(name, path, is_dir=False)
            return rule is not None and ignores(self._noted(rule, path))

        return ignored

    def explain(self, path: bytes, *, is_dir: bool) -> Decision:
        """Return what decides for `path`: a rule for it, or for a folder above it."""
        rule, met = self._rule(path, is_dir=is_dir)
        if rule is None:
            return Decision(ignored=False, rule="", source="", path=path)
        return Decision(ignores(rule), rule.text, rule.source, met)

    def reads(self, path: bytes) -> bool:
        """Return whether a change of `path` changes the rules."""
        if path in (sources.DOCKER, self._docker_path):
            return True
        name = path.rpartition(b"/")[2]
        if name in {sources.OWN, builtin.VENV_MARK}:
            return True
        return name == sources.GIT and self._sources.context is None

    def forget(self, folder: bytes) -> None:
        """Read the rules in `folder` again when they are next asked for."""
        *above, name = folder.split(b"/")
        state: _Folder | None = self._top
        for part in above:
            state = (state.children or {}).get(part) if state else None
        if state is not None and state.children is not None:
            state.children.pop(name, None)

    def _rule(self, path: bytes, *, is_dir: bool) -> tuple[Rule | None, bytes]:
        """Return the rule that decides for `path`, and what that rule met."""
        folder, end = self._top, -1
        while (end := path.find(b"/", end + 1)) >= 0:
            folder = self._child(folder, path[:end])
            if folder.layers is None:
                return folder.rule, path[:end]
        if is_dir:
            return self._child(folder, path).rule, path
        assert folder.layers is not None
        name = path.rpartition(b"/")[2]
        return self._noted(folder.layers.decide(name, path, is_dir=False), path), path

    def _folder(self, path: bytes) -> _Folder:
        folder, end = self._top, -1
        while path and folder.layers is not None:
            end = path.find(b"/", end + 1)
            folder = self._child(folder, path if end < 0 else path[:end])
            if end < 0:
                break
        return folder

    def _child(self, parent: _Folder, path: bytes) -> _Folder:
        name = path.rpartition(b"/")[2]
        if parent.children is None:
            parent.children = {}
        known = parent.children.get(name)
        if known is None:
            known = parent.children[name] = self._enter(parent.layers, name, path)
        return known

    def _enter(self, above: Layers | None, name: bytes, path: bytes) -> _Folder:
        assert above is not None, "an ignored folder is not looked into"
        rule = self._noted(above.decide(name, path, is_dir=True), path)
        if self._is_venv(path, rule):
            rule = builtin.VENV
        layers = above.entered(path, rule)
        return _Folder(rule, layers and self._with_files(layers, path))

    def _with_files(self, layers: Layers, folder: bytes) -> Layers:
        """Return `layers` with the rules that stand in `folder` itself."""
        own = self._sources.inside(folder, sources.OWN, Standing.OWN)
        if layers.docker is not None:
            return layers.nearer(own, None)
        project = self._sources.inside(folder, sources.GIT, Standing.PROJECT)
        return layers.nearer(own, project)

    def _is_venv(self, path: bytes, rule: Rule | None) -> bool:
        if ignores(rule) or overrules(rule, builtin.VENV):
            return False
        root = os.fsencode(self._sources.root)
        return os.path.lexists(b"/".join((root, path, builtin.VENV_MARK)))

    def _noted(self, rule: Rule | None, path: bytes) -> Rule | None:
        if rule and ignores(rule) and rule.standing is Standing.WITHHELD:
            self._withheld.add(path)
        return rule

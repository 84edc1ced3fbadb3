"""The settings of one run: flags over variables over the file over the defaults."""

import copy
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from syncd.config import arguments, refuse, words
from syncd.config.check import Problem, check
from syncd.config.layers import Flags, Said, anchored, from_environ, from_flags
from syncd.config.locate import Key, dotted
from syncd.config.model import Settings
from syncd.config.source import Source, find, read
from syncd.errors import ConfigError


_NO_FLAGS = Flags()


def load(
    cwd: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    flags: Flags = _NO_FLAGS,
    file: Path | None = None,
    pair: tuple[str, str] | None = None,
) -> Settings:
    """Return the settings that hold in the folder `cwd`.

    Args:
        cwd: The working folder, absolute; the search for a file starts here.
        environ: The environment variables.
        flags: What the command line says.
        file: The settings file, where it is named rather than searched.
        pair: `LOCAL` and `TARGET:PATH` of the command line, which take the place of
            the file's targets; its other settings still hold.

    Raises:
        ConfigError: With everything that is wrong, in one message.
    """
    source = read(cwd / file, cwd) if file else find(cwd, Path(anchored("~", cwd)))
    if source is None and pair is None:
        raise ConfigError(
            f"no syncd.toml, nor a pyproject.toml with [tool.syncd], in {cwd} or above",
            hint="write one, or name a folder and a target:"
            " syncd watch ./app deployment/myapp:/app -n myapp",
        )
    draft = _Draft(source, cwd)
    if pair is not None:
        draft.point(*pair)
    for said in (*from_environ(environ, cwd), *from_flags(flags, cwd)):
        draft.put(said)
    return draft.settings()


def from_arguments(
    local: str, remote: str, *, cwd: Path | None = None, flags: Flags = _NO_FLAGS
) -> Settings:
    """Return the settings of `LOCAL TARGET:PATH` alone: no file, no variables.

    Raises:
        ConfigError: With everything that is wrong, in one message.
    """
    draft = _Draft(None, cwd or Path.cwd())
    draft.point(local, remote)
    for said in from_flags(flags, draft.cwd):
        draft.put(said)
    return draft.settings()


def place(settings: Settings, key: Key, cwd: Path) -> str:
    """Return where `key` of the settings is written, as an editor can follow it."""
    if settings.source is None:
        return dotted(key)
    return read(settings.source, cwd).place(key, cwd)


class _Draft:
    """Settings in the making: a table, and where each thing in it was said."""

    def __init__(self, source: Source | None, cwd: Path) -> None:
        self.cwd = cwd
        self._source = source
        self._project = source.path.parent if source else cwd
        self._document: dict[str, Any] = {}
        if source:
            self._document = copy.deepcopy(dict(source.document))
        self._origins: dict[Key, str] = {}
        self._pointed = False
        path = self._document.get("kubeconfig")
        if isinstance(path, str):
            self._document["kubeconfig"] = anchored(path, self._project)

    def point(self, local: str, remote: str) -> None:
        """Put the target that the command line names in place of the file's."""
        if self._source is None:
            self._project = Path(os.path.normpath(anchored(local, self.cwd)))
        self._document["target"] = [arguments.target(local, remote, self.cwd)]
        self._origins["target",] = words.quote(remote)
        self._origins["target", 0, "sync", 0, "local"] = words.quote(local)
        self._pointed = True

    def put(self, said: Said) -> None:
        """Set what a variable or flag says."""
        *tables, name = said.key
        if tables == ["target"]:
            self._put_in_targets(name, said)
            return
        held = self._document
        for table in tables:
            held = held.setdefault(table, {})
        if isinstance(held, dict):
            held[name] = said.value
            self._origins[said.key] = said.origin

    def _put_in_targets(self, name: str, said: Said) -> None:
        targets = self._document.get("target")
        for index, target in enumerate(targets if isinstance(targets, list) else ()):
            if not isinstance(target, dict):
                continue
            if self._pointed and target.get(name, said.value) != said.value:
                # The pair is part of the command line: it outranks a variable.
                if said.origin.startswith("--"):
                    raise _at_odds(name, target[name], said)
                continue
            target[name] = said.value
            self._origins["target", index, name] = said.origin

    def settings(self) -> Settings:
        """Return the settings.

        Raises:
            ConfigError: With everything that is wrong, in one message.
        """
        found = check(self._document, self._project, inside=not self._pointed)
        path = self._source.path if self._source else None
        try:
            settings = Settings.of(self._document, self._project, path)
        except ValidationError as error:
            found += refuse.problems(error)
        else:
            if not found:
                return settings
        raise self._refusal(found)

    def _refusal(self, found: list[Problem]) -> ConfigError:
        if len(found) == 1:
            only = found[0]
            return ConfigError(
                f"{self._place(only.key)}: {only.what}", hint=only.remedy
            )
        in_order = sorted(found, key=self._line)
        lines = [
            f"  {self._place(each.key)}: {each.what}; {each.remedy}"
            for each in in_order
        ]
        title = f"the settings are wrong in {len(found)} places"
        return ConfigError("\n".join([title, *lines]))

    def _line(self, problem: Problem) -> int:
        return self._source.line(problem.key) if self._source else 0

    def _place(self, key: Key) -> str:
        for length in range(len(key), 0, -1):
            if key[:length] in self._origins:
                return self._origins[key[:length]]
        return self._source.place(key, self.cwd) if self._source else dotted(key)


def _at_odds(name: str, named: object, said: Said) -> ConfigError:
    return ConfigError(
        f"the target names the {name} {words.quote(named)},"
        f" {said.origin} names {words.quote(said.value)}",
        hint="say it once",
    )

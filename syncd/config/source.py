"""The settings file: which one counts, and what stands where in it."""

import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from syncd.config import locate, words
from syncd.config.locate import Key
from syncd.errors import ConfigError


OWN_FILE = "syncd.toml"
SHARED_FILE = "pyproject.toml"
_TABLE = ("tool", "syncd")


@dataclass(frozen=True)
class Source:
    """A settings file that was read.

    Attributes:
        path: The file, absolute.
        text: All of it.
        prefix: The table in it that is syncd's: () or ("tool", "syncd").
        document: That table, parsed.
    """

    path: Path
    text: str
    prefix: tuple[str, ...]
    document: Mapping[str, Any]

    @cached_property
    def _lines(self) -> Mapping[Key, int]:
        return locate.lines(self.text)

    def line(self, key: Key) -> int:
        """Return the line of `key`, or of what is around it; 0 for the file itself."""
        return locate.line_of((*self.prefix, *key), self._lines) or 0

    def place(self, key: Key, cwd: Path) -> str:
        """Return `file:line: key`, as an editor can follow it from `cwd`."""
        line = self.line(key)
        where = f"{shown(self.path, cwd)}:{line}" if line else shown(self.path, cwd)
        return f"{where}: {locate.dotted((*self.prefix, *key))}"


def shown(path: Path, cwd: Path) -> str:
    """Return `path` as short as it can be written from `cwd`, safe to print."""
    short = path.relative_to(cwd) if path.is_relative_to(cwd) else path
    return words.quote(short)[1:-1]


def find(cwd: Path, home: Path) -> Source | None:
    """Return the settings file nearest to `cwd`, looking upwards.

    The search ends before the home folder, unless it starts there, so that a stray
    file in it does not reach into every project.

    Raises:
        ConfigError: If one folder holds two, or a file cannot be read.
    """
    for folder in _upwards(cwd, home):
        own, shared = folder / OWN_FILE, folder / SHARED_FILE
        # Unlike those of Path, these do not raise for a folder that is closed to us.
        tool = _read_shared(shared, cwd) if os.path.isfile(shared) else None  # noqa: PTH113
        if not os.path.lexists(own):
            if tool is not None:
                return tool
            continue
        if tool is not None:
            raise ConfigError(
                f"both {shown(own, cwd)} and [tool.syncd] in {shown(shared, cwd)}"
                " hold settings",
                hint=f"keep {OWN_FILE} and delete [tool.syncd] from {SHARED_FILE},"
                " or the other way round",
            )
        return read(own, cwd)
    return None


def _upwards(cwd: Path, home: Path) -> Iterator[Path]:
    end = Path(os.path.realpath(home))
    for folder in (cwd, *cwd.parents):
        if folder in (home, end) and folder != cwd:
            return
        yield folder


def read(path: Path, cwd: Path) -> Source:
    """Return the settings file that was named.

    Raises:
        ConfigError: If it cannot be read, is not TOML, or has nothing for syncd.
    """
    text = _text(path, cwd)
    document = _parsed(text, path, cwd)
    if path.name != SHARED_FILE:
        return Source(path, text, (), document)
    table = _tool_table(document)
    if table is None:
        raise ConfigError(
            f"{shown(path, cwd)} has no [tool.syncd] table",
            hint=f"add one, or put the settings into {OWN_FILE}",
        )
    return Source(path, text, _TABLE, table)


def _read_shared(path: Path, cwd: Path) -> Source | None:
    """Return the settings in a `pyproject.toml`, or None if it has none.

    A file that is of no concern to syncd may be as broken as it likes.
    """
    try:
        text = _text(path, cwd)
    except ConfigError:
        return None
    if "syncd" not in text:
        return None
    try:
        table = _tool_table(_parsed(text, path, cwd))
    except ConfigError:
        if "tool.syncd" in text:
            raise
        return None
    return None if table is None else Source(path, text, _TABLE, table)


def _tool_table(document: Mapping[str, Any]) -> Mapping[str, Any] | None:
    tool = document.get("tool")
    table = tool.get("syncd") if isinstance(tool, Mapping) else None
    return table if isinstance(table, Mapping) else None


def _text(path: Path, cwd: Path) -> str:
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{shown(path, cwd)} is not UTF-8 text (byte {error.start})",
            hint="save it as UTF-8",
        ) from error
    except OSError as error:
        raise ConfigError(
            f"{shown(path, cwd)} cannot be read: {error.strerror}",
            hint="name an existing file with --config, or leave it out to search"
            " upwards from the working folder",
        ) from error


def _parsed(text: str, path: Path, cwd: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{shown(path, cwd)} is not valid TOML: {error}",
            hint="strings need quotes, keys stand once, and lists of tables are"
            " written [[target]]",
        ) from error

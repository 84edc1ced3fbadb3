"""What the program reads while it starts, and what of that it writes itself."""

# ruff: noqa: ANN401, PTH100, PTH116, PTH208 - events carry anything; no pathlib
from __future__ import annotations

import binascii
import contextlib
import os
import stat
import sys


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Version = list[int]


SOURCES = (".py", ".so")
NO_FILES = ("/dev/", "/proc/", "/sys/")
MOST_FILES = 10_000  # a program that has read more than that is not starting any more
LISTS = {"os.listdir", "os.scandir"}
MOVES = {"os.link", "os.remove", "os.rename", "os.rmdir", "os.symlink"}
EVENTS = {"open", "os.mkdir", "sqlite3.connect", *LISTS, *MOVES}
# They list folders for the modules in them, or for what is installed there.
FINDERS = {
    *("importlib", "importlib_metadata", "pkg_resources"),
    "_frozen_importlib_external",
}


class Reading:
    """The files that the program reads and the folders that it lists.

    Attributes:
        found: How each of them was when it was read; None if it was not there.
        written: What it has written.
        over: It has started: what it reads from now on is no part of that.
    """

    def __init__(self, tell: Callable[[list[str]], Any]) -> None:
        self.tell = tell
        self.found: dict[str, Version | None] = {}
        self.written: set[str] = set()
        self.over = False

    def audit(self, event: str, args: tuple[Any, ...]) -> None:
        """Take in what the interpreter tells."""
        if event in EVENTS:
            # No descriptor, and no name with a zero in it.
            with contextlib.suppress(OSError, TypeError, ValueError):
                self._take_in(event, args)

    def _take_in(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = args
            if (flags or 0) & (os.O_WRONLY | os.O_RDWR):
                self._write(path)
            else:
                self._read(path)
        elif event in LISTS:
            caller = sys._getframe(1).f_back  # noqa: SLF001 - a hook is not told who
            who = caller.f_globals.get("__name__", "") if caller else ""
            if who.partition(".")[0] not in FINDERS:
                self._read("." if args[0] is None else args[0])
        elif event == "os.mkdir":
            self._write(args[0])
        elif event == "sqlite3.connect":
            self._write(args[0], moves=True)  # it has a journal beside it
        else:
            self._write(*args, moves=True)

    def note(self, path: str, info: os.stat_result) -> None:
        """Take in that a module is read."""
        if not self.over:
            self.found.setdefault(path, of_file(info))
            if path in self.written:
                self._disown(path)

    def _read(self, path: Any) -> None:
        name = "" if self.over else os.path.abspath(os.fsdecode(path))
        if not name or name in self.found or name.startswith(NO_FILES):
            return
        if not name.endswith(".pyc"):
            self.found[name] = None  # as to list a folder is told here, too
            self.found[name] = version(name)
            self.over = len(self.found) > MOST_FILES
            if name in self.written:
                self._disown(name)

    def _write(self, *paths: Any, moves: bool = False) -> None:
        names = {
            name
            for path in paths
            if not isinstance(path, int)
            for name in both_names(os.path.abspath(os.fsdecode(path)))
            if "__pycache__" not in name
        }
        moved = [name for name in names if moves or not os.path.lexists(name)]
        for name in {*names, *map(os.path.dirname, moved)}:
            if not self.over:
                self.written.add(name)
            made = name.endswith(SOURCES) and not self.over
            if made or name in self.found:
                self._disown(name)

    def _disown(self, name: str) -> None:
        """Tell that a change of `name` may be the program's own doing."""
        self.found.pop(name, None)
        self.tell([name])


def version(path: str) -> Version | None:
    """Return what is another when a file, or the list of a folder, is; None: neither."""
    try:
        info = os.stat(path)
        if not stat.S_ISDIR(info.st_mode):
            return of_file(info)
        names = sorted(filter(_is_worth_listing, os.listdir(path)))
    except (OSError, ValueError):
        return None
    return [len(names), binascii.crc32(os.fsencode("/".join(names)))]


def of_file(info: os.stat_result) -> Version:
    """Return the version of a file that is known by now."""
    return [info.st_mtime_ns, info.st_size, info.st_ino]


def _is_worth_listing(name: str) -> bool:
    """Tell an editor's temporary, and what Python leaves, from what a person makes."""
    return not (
        name.startswith((".", "#")) or name.endswith("~") or "__pycache__" in name
    )


def both_names(path: str) -> set[str]:
    """Return where a file is: the way that was taken, and without links."""
    return {path, os.path.realpath(path)}

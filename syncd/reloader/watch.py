"""Watching, while nobody reports edits."""

# ruff: noqa: ANN401, PLC0415, PTH116 - no pathlib; ctypes only for who watches
from __future__ import annotations

import contextlib
import errno
import os
import time

from syncd.reloader.channel import say
from syncd.reloader.reactor import Reactor


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Version = tuple[int, int, int]


SOURCES = (".py", ".so")
SKIPPED = {"__pycache__", "node_modules", "site-packages", "dist-packages"}
QUIET_S = 0.01  # after which an edit is whole
LONGEST_S = 0.5  # after which one that never is is taken as it is
CLOCK_S = 0.4  # between looks, where there is no inotify


class Watch:
    """Notices edits by looking: when inotify hints at it, or by the clock.

    Attributes:
        roots: The folders that are looked at, with all that lies in them.
        data: Files that were read while the program started.
        paused: How many clients report edits, so that there is no need to look.
    """

    def __init__(
        self, reactor: Reactor, roots: Iterable[str], on_edit: Callable[[str], None]
    ) -> None:
        self.reactor = reactor
        self.roots = set(roots) - {"/"}
        self.on_edit = on_edit
        self.data: set[str] = set()
        self.paused = 0
        self.seen: dict[str, Version] = {}
        self.inotify: Inotify | None = None
        self.began = False
        self.hinted = self.settling = 0.0

    def matters(self, path: str) -> bool:
        """Tell whether a change of `path` is a reason to reload."""
        return path.endswith(SOURCES) or os.path.realpath(path) in self.data

    def watched(self) -> list[str]:
        """Return the folders that are looked at now."""
        return [] if self.paused else sorted(self.roots)

    def begin(self, folders: Iterable[str] = ()) -> None:
        """Look at the roots from now on, and at `folders` too."""
        self.roots |= set(folders) - {"/"}
        for path in [p for p in self.seen if not self.matters(p)]:
            del self.seen[path]  # another generation has read it, and this one has not
        if self.roots and not self.began:
            self.began = True
            self.inotify = Inotify.open()
            if self.inotify is None:
                self._look_by_the_clock()
            else:
                self.reactor.on_input(self.inotify, self._on_hint)
        if not self.paused:
            for path, version in self._look().items():
                self.seen.setdefault(path, version)
            self._compare()

    def resume(self) -> None:
        """Look again, if that was the last client that reports edits."""
        self.paused -= 1
        self.seen = self._look()

    def _look_by_the_clock(self) -> None:
        self._compare()
        self.reactor.later(CLOCK_S, self._look_by_the_clock)

    def _on_hint(self) -> None:
        if self.inotify is not None:
            self.inotify.read()
        self.hinted = time.monotonic()
        if not self.settling:
            self.settling = self.hinted
            self.reactor.later(QUIET_S, self._settle)

    def _settle(self) -> None:
        now = time.monotonic()
        if now - self.hinted < QUIET_S and now - self.settling < LONGEST_S:
            self.reactor.later(QUIET_S, self._settle)
        else:
            self.settling = 0.0
            self._compare()

    def _compare(self) -> None:
        if self.paused:
            return
        now = self._look()
        changed = [p for p in {*now, *self.seen} if now.get(p) != self.seen.get(p)]
        self.seen = now
        if changed:
            more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
            self.on_edit(f"{min(changed)}{more} changed")

    def _look(self) -> dict[str, Version]:
        found = {}
        for path in self.data:
            with contextlib.suppress(OSError):
                found[path] = _version(os.stat(path))
        folders = list(self.roots)
        while folders:
            folder = folders.pop()
            if self.inotify is not None and not self.inotify.add(folder):
                self._give_up(self.inotify)
            with contextlib.suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    if entry.name.endswith(SOURCES):
                        found[entry.path] = _version(entry.stat())
                    elif _is_worth_a_look(entry):
                        folders.append(entry.path)
        return found

    def _give_up(self, inotify: Inotify) -> None:
        self.inotify = None
        self.reactor.forget(inotify)
        os.close(inotify.fileno())
        say(
            "out of inotify watches (fs.inotify.max_user_watches): looking by the clock"
        )
        self.reactor.later(CLOCK_S, self._look_by_the_clock)


def _version(info: os.stat_result) -> Version:
    return info.st_mtime_ns, info.st_size, info.st_ino


def _is_worth_a_look(entry: os.DirEntry[str]) -> bool:
    skipped = entry.name.startswith(".") or entry.name in SKIPPED
    return not skipped and entry.is_dir(follow_symlinks=False)


class Inotify:
    """The kernel's hints that something in a folder is not as it was."""

    # modify, attrib, close_write, moved_from, moved_to, create, delete; folders only
    MASK = 0x2 | 0x4 | 0x8 | 0x40 | 0x80 | 0x100 | 0x200 | 0x01000000

    def __init__(self, ctypes: Any, libc: Any, fd: int) -> None:
        self.ctypes = ctypes
        self.libc = libc
        self.fd = fd

    @classmethod
    def open(cls) -> Inotify | None:
        """Return a new one, or None where there is none to be had."""
        try:
            import ctypes

            libc = ctypes.CDLL(None, use_errno=True)
            fd = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        except (ImportError, AttributeError, OSError):
            return None
        return cls(ctypes, libc, fd) if fd >= 0 else None

    def fileno(self) -> int:
        """Return what to select on."""
        return self.fd

    def add(self, folder: str) -> bool:
        """Ask for hints about `folder`. False: the kernel has no more to give."""
        if self.libc.inotify_add_watch(self.fd, os.fsencode(folder), self.MASK) >= 0:
            return True
        return bool(self.ctypes.get_errno() != errno.ENOSPC)

    def read(self) -> None:
        """Forget the hints: that they came is all there is to know."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.fd, 1 << 16):
                pass

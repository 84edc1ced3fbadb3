"""The kernel's hints that something in a folder is not as it was."""

# ruff: noqa: ANN401, PLC0415, PTH118 - no pathlib; ctypes only for who watches
from __future__ import annotations

import contextlib
import errno
import os


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


MOVED = 0x40 | 0x80 | 0x100 | 0x200  # moved_from, moved_to, create, delete
IS_FOLDER, OVERFLOW, IGNORED = 0x40000000, 0x4000, 0x8000


class Inotify:
    """Folders that the kernel was asked to give hints about.

    Attributes:
        folders: By which paths each is known, by the number of its watch.
    """

    # modify, attrib, close_write; folders only
    MASK = MOVED | 0x2 | 0x4 | 0x8 | 0x01000000

    def __init__(self, ctypes: Any, libc: Any, fd: int) -> None:
        self.ctypes = ctypes
        self.libc = libc
        self.fd = fd
        self.folders: dict[int, set[str]] = {}

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
        number = self.libc.inotify_add_watch(self.fd, os.fsencode(folder), self.MASK)
        if number >= 0:
            self.folders.setdefault(number, set()).add(folder)
            return True
        return bool(self.ctypes.get_errno() != errno.ENOSPC)

    def read(self) -> Iterator[tuple[str, int]]:
        """Yield what is hinted at: paths, each with what happened there.

        A hint that was lost may have been about anything, and has no path.
        """
        with contextlib.suppress(BlockingIOError):
            while True:
                data = os.read(self.fd, 1 << 16)
                while data:
                    number, mask, _, size = memoryview(data)[:16].cast("i")
                    name = os.fsdecode(data[16 : 16 + size].rstrip(b"\0"))
                    data = data[16 + size :]
                    yield from self._told(number, mask, name)

    def _told(self, number: int, mask: int, name: str) -> Iterator[tuple[str, int]]:
        if mask & OVERFLOW:
            yield "", mask
        elif mask & IGNORED:
            self.folders.pop(number, None)
        for folder in self.folders.get(number, ()):
            yield os.path.join(folder, name), mask

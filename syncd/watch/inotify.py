"""The Linux system calls of inotify, and nothing more."""

import ctypes
import errno
import os
import struct
from typing import NamedTuple


MODIFY = 0x2
ATTRIB = 0x4
CLOSE_WRITE = 0x8
MOVED_FROM = 0x40
MOVED_TO = 0x80
CREATE = 0x100
DELETE = 0x200
DELETE_SELF = 0x400
MOVE_SELF = 0x800
UNMOUNT = 0x2000
Q_OVERFLOW = 0x4000
IGNORED = 0x8000
ONLYDIR = 0x1000000
DONT_FOLLOW = 0x2000000
MASK_ADD = 0x20000000
ISDIR = 0x40000000

COMES = CREATE | MOVED_TO
GOES = DELETE | MOVED_FROM
MOVES = COMES | GOES
CONTENT = MOVES | MODIFY | ATTRIB | CLOSE_WRITE
SELF = DELETE_SELF | MOVE_SELF

_HEADER = struct.Struct("iIII")
# Some thousand events: enough for a burst, too little to hold up the loop.
_READ = 1 << 16


class Event(NamedTuple):
    """What the kernel said: in which watched folder, what, and of which name."""

    wd: int
    mask: int
    name: bytes


class Inotify:
    """One instance; the kernel allows an account only so many.

    Raises:
        OSError: If there can be no more of them.
    """

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = self._checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def fileno(self) -> int:
        """Return the descriptor, for waiting."""
        return self._fd

    def add(self, path: bytes, mask: int) -> int:
        """Watch a folder, or more of one that is watched, and return its number.

        Raises:
            OSError: ENOSPC if there can be no more watches; or the path's fault.
        """
        flags = mask | ONLYDIR | MASK_ADD
        return self._checked(self._libc.inotify_add_watch(self._fd, path, flags))

    def remove(self, wd: int) -> None:
        """End a watch; it may have ended by itself."""
        self._libc.inotify_rm_watch(self._fd, wd)

    def read(self) -> list[Event]:
        """Return what was said since the last call, or the first part of it."""
        try:
            return parse(os.read(self._fd, _READ))
        except BlockingIOError:
            return []

    def close(self) -> None:
        """End all watches."""
        os.close(self._fd)

    def _checked(self, result: int) -> int:
        if result >= 0:
            return result
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


def parse(data: bytes) -> list[Event]:
    """Return the events in what was read from an instance."""
    events: list[Event] = []
    at = 0
    while at < len(data):
        wd, mask, _cookie, length = _HEADER.unpack_from(data, at)
        start = at + _HEADER.size
        at = start + length
        events.append(Event(wd, mask, data[start:at].rstrip(b"\0")))
    return events


def diagnosis(exc: OSError) -> tuple[str, str]:
    """Return why inotify cannot be used, and what mends it."""
    slower = "; looking at the folder by the clock instead"
    match exc.errno:
        case errno.ENOSPC:
            return (
                f"this account may have no more inotify watches{slower}",
                "sudo sysctl fs.inotify.max_user_watches=1048576",
            )
        case errno.EMFILE:
            return (
                f"this account may have no more inotify instances{slower}",
                "sudo sysctl fs.inotify.max_user_instances=1024",
            )
        case _:
            return (
                f"inotify cannot be used: {exc.strerror}{slower}",
                "Use a folder on a local disk.",
            )

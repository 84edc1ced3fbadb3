"""Where contents wait until they are put in place, and the times they get then."""

# ruff: noqa: PTH108, PTH115, PTH123 - pathlib would double the start-up
from __future__ import annotations

import errno
import os
import time
import zlib
from contextlib import suppress


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MARK = "# syncd agent"  # in the command line of every agent
CREATE = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
ROOMS = ("/tmp", "/dev/shm", "/var/tmp")  # noqa: S108 - opened with O_EXCL, O_NOFOLLOW
IN_MEMORY = 8 << 20
FOREIGN_AFTER_S = 3600  # age of another container's temporaries on a shared volume


class Temporaries:
    """Names of temporaries, `.syncd-PID-N`, that tell whose they are.

    N begins with a number of the host, which is the Pod, and of its processes:
    containers that share a volume do not see each other's, even in one Pod.
    """

    def __init__(self) -> None:
        place = os.uname().nodename
        with suppress(OSError):  # macOS has no /proc
            place += os.readlink("/proc/self/ns/pid")
        self.host = str(1 << 32 | zlib.crc32(place.encode()))
        self.count = 0
        self.live: set[str] = set()

    def name(self) -> str:
        """Return a new name; it is live until it is discarded."""
        self.count += 1
        name = f".syncd-{os.getpid()}-{self.host}{self.count}"
        self.live.add(name)
        return name

    def make(self, act: Callable[[str], None]) -> str:
        """Return the name under which `act` made something that was not there."""
        while True:
            name = self.name()
            try:
                act(name)
            except FileExistsError:  # an earlier container's, on a volume
                self.live.discard(name)
            except OSError:
                self.live.discard(name)
                raise
            else:
                return name

    def is_stale(self, name: str, modified_s: float) -> bool:
        """Say whether nobody will ever put this temporary in place."""
        pid, _, number = name[7:].partition("-")
        if not number.startswith(self.host):
            return time.time() - modified_s > FOREIGN_AFTER_S
        alive = int(pid) != os.getpid() and MARK in command_line(pid)
        return not alive and name not in self.live


def in_container(path: str) -> str:
    """Return where an absolute path of the container is.

    That is the path itself, but in a Pod of syncd's embedded cluster that has to do
    without a root of its own: there `SYNCD_ROOTFS` names the folder that stands for /.
    """
    return os.environ.get("SYNCD_ROOTFS", "") + path


def command_line(pid: str) -> str:
    """Return the command line of a process, "" if there is none."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode("utf-8", "replace").strip()
    except OSError:
        return ""


class Spool:
    """Contents that cannot wait beside their target: one unlinked file, or memory."""

    def __init__(self, temporaries: Temporaries) -> None:
        self.size = 0
        self.limit: int | None = None
        for folder in (os.environ.get("TMPDIR", ROOMS[0]), *ROOMS):
            path = folder + "/" + temporaries.name()
            try:
                self.fd = os.open(path, CREATE | os.O_RDWR, 0o600)
                os.unlink(path)
            except OSError:
                continue
            return
        if not hasattr(os, "memfd_create"):
            raise OSError(errno.ENOSPC, "no folder for temporary files is writable")
        self.limit = IN_MEMORY
        self.fd = os.memfd_create("syncd")

    def write(self, data: bytes) -> None:
        """Append `data`, or nothing."""
        if self.limit is not None and self.size + len(data) > self.limit:
            raise OSError(errno.ENOSPC, "no folder for temporary files is writable")
        os.lseek(self.fd, self.size, os.SEEK_SET)
        write_all(self.fd, data)
        self.size += len(data)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`."""
    done = os.write(fd, data)
    while done < len(data):
        done += os.write(fd, data[done:])


class Clock:
    """Times of modification: now, and later than any before at the same path."""

    def __init__(self) -> None:
        self.last = 0
        self.ahead: dict[str, int] = {}

    def stamp(self, path: str, size: int, old: os.stat_result | None) -> int:
        """Return the time to give to the file that replaces `old` at `path`."""
        self.last = now = max(time.time_ns(), self.last + 1)
        if old is not None:
            now = max(now, old.st_mtime_ns + 1)
            # Python trusts byte-code by whole seconds and size, and an import that
            # has read the old source may write its byte-code after we removed it.
            alike = path.endswith(".py") and old.st_size == size
            if alike and now // 10**9 == old.st_mtime_ns // 10**9:
                now = (now // 10**9 + 1) * 10**9
        now = max(now, self.ahead.get(path, 0) + 1)
        if now > self.last:
            self.ahead[path] = now
        return now

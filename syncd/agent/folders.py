"""The way to a path: folder by folder, and never out of the root.

Each folder is opened relative to the one before and never through a symlink, so that
neither `..` nor a link, nor one that is swapped in meanwhile, leads outside.
"""

# ruff: noqa: PTH123, PTH208 - pathlib would double the start-up
from __future__ import annotations

import errno
import os
import stat

from syncd.agent.link import Refused


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

OPEN_FOLDERS = 64
ABSENT = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)

# O_PATH opens folders that may be entered but not read; macOS has none.
FOLDER = getattr(os, "O_PATH", 0) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def joint(folder: str, name: str) -> str:
    """Return the path of `name` in `folder`; "" is the root."""
    return folder + "/" + name if folder else name


def above(path: str) -> str:
    """Return the folder that `path` is in."""
    return path.rpartition("/")[0]


def checked(path: str) -> str:
    """Return `path` if it is one that may be below a root."""
    parts = path.split("/")
    if "" in parts or "." in parts or ".." in parts:
        raise Refused("outside-root", "the path leads outside of its root")
    if is_temporary(parts[-1]):
        raise Refused("name-refused", "the name is one of syncd's own temporaries")
    try:
        if b"\0" not in os.fsencode(path):
            return path
    except UnicodeEncodeError:
        pass
    raise Refused("name-refused", "no file can have this name")


def is_temporary(name: str) -> bool:
    """Say whether `name` is one that an agent gives to its temporaries."""
    pid, _, number = name[7:].partition("-")
    return name.startswith(".syncd-") and pid.isdigit() and number.isdigit()


def is_file(found: os.stat_result | None) -> bool:
    """Say whether something is a plain file."""
    return found is not None and stat.S_ISREG(found.st_mode)


def is_folder(found: os.stat_result | None) -> bool:
    """Say whether something is a folder."""
    return found is not None and stat.S_ISDIR(found.st_mode)


def mount_points() -> list[str]:
    """Return where file systems are mounted, as far as the system tells."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            words = [line.split(b" ", 5)[4] for line in file]
    except OSError:
        return []
    plain = [word.decode("unicode_escape").encode("latin-1") for word in words]
    return [os.fsdecode(path) for path in plain]


class Root:
    """A sync root, for the length of one message.

    A root that is missing raises `Refused` at the first look, so that it is told for
    each path like any other failure.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self._open: dict[str, int] = {}
        self._loosened: dict[str, int] = {}
        self._mounts: list[str] | None = None

    def folder(self, path: str) -> int:
        """Return a descriptor of a folder; it stays open while a few others are used."""
        fd = self._open.pop(path, None)
        if fd is None:
            fd = self._walk(path) if path else self._enter()
            if len(self._open) >= OPEN_FOLDERS:
                self.leave(next(iter(self._open)))
        self._open[path] = fd  # the least recently used stand first
        return fd

    def _enter(self) -> int:
        try:
            return os.open(os.path.realpath(self.path), FOLDER)
        except OSError as exc:
            if exc.errno in ABSENT:
                raise Refused("root-missing", "no folder " + self.path) from exc
            raise

    def _walk(self, path: str) -> int:
        start, missing = path, []
        while start and start not in self._open:
            start, _, name = start.rpartition("/")
            missing.append(name)
        fd = os.dup(self.folder(start))
        for name in reversed(missing):
            try:
                deeper = os.open(name, FOLDER, dir_fd=fd)
            finally:
                os.close(fd)
            fd = deeper
        return fd

    def parent(self, path: str) -> tuple[int, str]:
        """Return a descriptor of the folder that `path` is in, and its name there."""
        folder, _, name = path.rpartition("/")
        try:
            return self.folder(folder), name
        except FileNotFoundError as exc:
            raise Refused("missing-parent", "no folder " + folder) from exc
        except OSError as exc:
            if exc.errno in ABSENT:
                raise Refused("blocked", folder + " is not a real folder") from exc
            raise

    def nearest(self, path: str) -> str:
        """Return the deepest real folder on the way to `path`."""
        folder = above(path)
        while True:
            try:
                self.folder(folder)
            except OSError as exc:
                if exc.errno not in ABSENT:
                    raise
                folder = above(folder)
            else:
                return folder

    def stat(self, path: str) -> os.stat_result | None:
        """Return what is at `path`, or None; behind a link there is nothing."""
        try:
            fd = self.folder(above(path))
            return os.stat(path.rpartition("/")[2], dir_fd=fd, follow_symlinks=False)
        except OSError as exc:
            if exc.errno in ABSENT:
                return None
            raise

    def readable(self, path: str) -> int:
        """Return a new descriptor of a folder, to be closed, that can be listed."""
        return os.open(".", READ | os.O_DIRECTORY, dir_fd=self.folder(path))

    def names(self, path: str) -> list[str]:
        """Return the names in a folder."""
        fd = self.readable(path)
        try:
            return os.listdir(fd)
        finally:
            os.close(fd)

    def mount_in(self, path: str) -> str:
        """Return a mount point that a folder is or holds, "" if there is none."""
        if self._mounts is None:
            self._mounts = mount_points()
        top = os.path.realpath(self.path).rstrip("/") + "/" + path
        found = (p for p in self._mounts if p == top or p.startswith(top + "/"))
        return next(found, "")

    def unlink(self, path: str) -> None:
        """Remove what is not a folder."""
        fd, name = self.parent(path)
        self.willing(above(path), lambda: os.unlink(name, dir_fd=fd))

    def rmdir(self, path: str) -> None:
        """Remove an empty folder."""
        fd, name = self.parent(path)
        self.willing(above(path), lambda: os.rmdir(name, dir_fd=fd))
        self.leave(path)

    def mkdir(self, path: str, mode: int) -> None:
        """Make a folder that we can write to, whatever its mode will be."""
        fd, name = self.parent(path)
        self.willing(above(path), lambda: os.mkdir(name, mode | 0o700, dir_fd=fd))

    # -- folders of ours that are read-only

    def willing(self, folder: str, act: Callable[[], None]) -> None:
        """Do what changes a folder, opening it up if it is ours and read-only."""
        try:
            act()
        except PermissionError:
            if not self._loosen(folder):
                raise
            act()

    def _loosen(self, folder: str) -> bool:
        try:
            fd = self.readable(folder)
        except OSError:
            return False
        try:
            found = os.fstat(fd)
            mode = stat.S_IMODE(found.st_mode)
            if found.st_uid != os.geteuid() or mode & 0o700 == 0o700:
                return False
            os.fchmod(fd, mode | 0o700)
        except OSError:
            return False
        finally:
            os.close(fd)
        self._loosened[folder] = mode
        return True

    def settle_mode(self, folder: str) -> None:
        """Take the mode that a folder has now for the one that it shall keep."""
        self._loosened.pop(folder, None)

    # -- the end

    def leave(self, path: str) -> None:
        """Close a folder: it is gone, or was not used for long."""
        fd = self._open.pop(path, None)
        if fd is not None:
            os.close(fd)

    def forget(self) -> None:
        """Close all folders, so that the next look is a fresh one."""
        self._mounts = None
        for path in list(self._open):
            self.leave(path)

    def close(self) -> None:
        """Give the folders that were opened up their modes back, and close all."""
        for folder, mode in self._loosened.items():
            try:
                fd = self.readable(folder)
                os.fchmod(fd, mode)
                os.close(fd)
            except (OSError, Refused):
                pass  # it went with this batch
        self._loosened.clear()
        self.forget()

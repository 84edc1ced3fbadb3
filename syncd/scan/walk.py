"""Folders read into entries: what one look at the disk finds."""

import errno
import hashlib
import os
import stat
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from syncd.ignore import Ignore
from syncd.scan.way import Way
from syncd.tree import Entry, Kind, Problem


_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CHUNK = 1 << 18
_KEPT_FILE, _KEPT_ALL = 1 << 16, 1 << 20  # bytes of what was read that are kept
# What opening a folder says that is none any more: it left, or a file or link came.
_GONE = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
# An int of 60 bits takes a third less than one of 64, a hundred thousand times.
_STAMP_BITS = (1 << 60) - 1
_ENCODING = sys.getfilesystemencoding()

# A file written twice within one tick of the kernel's clock shows the same times. Where
# a file system keeps whole seconds only, the tick is two of them.
_TICK_NS = 20_000_000
_COARSE_TICK_NS = 2_000_000_000

_SPECIAL = {
    stat.S_IFSOCK: "a socket",
    stat.S_IFIFO: "a named pipe",
    stat.S_IFBLK: "a block device",
    stat.S_IFCHR: "a character device",
}


Inode = tuple[int, int]


class Stopped(Exception):
    """A look was told to end before it was done."""


class Walk:
    """One look at parts of a sync root.

    Args:
        top: Descriptor of the root.
        ignore: The rules of the root.
        old: The last snapshot: what did not move since is taken from it.
        same_rules: What `old` holds is not ignored, so that need not be asked again.
        folds_case: Whether the file system answers for other spellings of a name.
        stopped: Asked again and again; once it says so, the look ends with `Stopped`.

    Attributes:
        found: What stands at the places that were looked at, and below them.
        problems: What could not be read; `found` holds what `old` knew of it.
        torn: The paths among them that were being written.
        linked: The files that have other names as well, and their inodes.
        written: The inodes of those among them that moved.
        contents: Small files that were read, by digest; not all if they are many.
    """

    def __init__(
        self,
        top: int,
        ignore: Ignore,
        old: Mapping[bytes, Entry],
        *,
        same_rules: bool = False,
        folds_case: bool = sys.platform == "darwin",
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self.found: dict[bytes, Entry] = {}
        self.problems: dict[bytes, Problem] = {}
        self.torn: list[bytes] = []
        self.linked: dict[bytes, Inode] = {}
        self.written: set[Inode] = set()
        self.contents: dict[bytes, bytes] = {}
        self._kept = 0
        self._top = top
        self._ignore = ignore
        self._old = old
        self._same_rules = same_rules
        self._folds_case = folds_case
        self._stopped = stopped
        self._folders: dict[int, Entry] = {}
        self._excluded: dict[bytes, Entry] = {}
        self._pending: list[bytes] = []
        self._buffer: bytearray | None = None

    def look(self, path: bytes) -> None:
        """Look at `path`, and below it if it is a folder; it may be gone."""
        parent, _, name = path.rpartition(b"/")
        with Way(self._top) as way:
            try:
                self._look_in(way.to(parent), name, path)
            except OSError as exc:
                if exc.errno not in _GONE:
                    self._fail(path, exc)
            self._drain(way)

    def descend(self, folder: bytes) -> None:
        """Look at all that is in a folder."""
        self._pending.append(folder)
        with Way(self._top) as way:
            self._drain(way)

    def _look_in(self, folder: int, name: bytes, path: bytes) -> None:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if self._folds_case and os.fsdecode(name) not in os.listdir(folder):
            return
        if stat.S_ISDIR(found.st_mode):
            self._folder(path, found.st_mode)
        elif not self._ignore.ignored(path, is_dir=False):
            self._leaf(folder, name, path, found, self._old.get(path))

    def _drain(self, way: Way) -> None:
        while self._pending:
            path = self._pending.pop()
            self._go_on()
            try:
                self._list(way.to(path), path)
            except OSError as exc:
                if exc.errno in _GONE:
                    self.found.pop(path, None)
                    self.torn.append(path)
                else:
                    self.problems[path] = Problem(path, _reason(exc))
                    self._keep_below(path)

    def _go_on(self) -> None:
        if self._stopped():
            raise Stopped

    def _list(self, top: int, folder: bytes) -> None:
        prefix = folder + b"/" if folder else b""
        ignored = self._ignore.within(folder)
        same_rules, known = self._same_rules, self._old.get
        with os.scandir(top) as items:
            for item in items:
                name = item.name.encode(_ENCODING, "surrogateescape")
                path = prefix + name
                try:
                    if item.is_dir(follow_symlinks=False):
                        found = item.stat(follow_symlinks=False)
                        self._folder(path, found.st_mode)
                        continue
                    old = known(path)
                    let_in = same_rules and old and old.kind is not Kind.DIR
                    if let_in or not ignored(name, path):
                        found = item.stat(follow_symlinks=False)
                        self._leaf(top, name, path, found, old)
                except FileNotFoundError:
                    continue
                except OSError as exc:
                    self._fail(path, exc)

    def _folder(self, path: bytes, mode: int) -> None:
        if not self._ignore.walks(path):
            return
        # The agent must be able to work in every folder.
        bits = (mode & 0o777) | 0o700
        entry = self._folders.get(bits)
        if entry is None:
            entry = self._folders[bits] = Entry(Kind.DIR, bits)
        if self._ignore.ignored(path, is_dir=True):
            self._excluded[path] = entry
        else:
            self._add(path, entry)
        self._pending.append(path)

    def _leaf(
        self,
        top: int,
        name: bytes,
        path: bytes,
        found: os.stat_result,
        old: Entry | None,
    ) -> None:
        mode = found.st_mode
        stamp = _stamp(found)
        if found.st_nlink > 1 and stat.S_ISREG(mode):
            self._link(path, found, moved=old is None or old.stamp != stamp)
        if old is not None and old.stamp == stamp:
            self._add(path, old)
        elif stat.S_ISREG(mode):
            self._file(top, name, path, found)
        elif stat.S_ISLNK(mode):
            target = os.readlink(name, dir_fd=top)
            self._add(path, Entry(Kind.LINK, target=target, stamp=stamp))
        else:
            what = _SPECIAL.get(stat.S_IFMT(mode), "no file, folder or link")
            reason = f"is {what}, which cannot be synced"
            self.problems[path] = Problem(path, reason, unread=False)

    def _link(self, path: bytes, found: os.stat_result, *, moved: bool) -> None:
        inode = found.st_dev, found.st_ino
        self.linked[path] = inode
        if moved:
            self.written.add(inode)

    def _file(self, top: int, name: bytes, path: bytes, found: os.stat_result) -> None:
        self._go_on()
        began_ns = time.time_ns()
        stamp = _stamp(found)
        file = os.open(name, _FILE, dir_fd=top)
        try:
            size, digest = self._hash(file, found.st_size)
            after = os.fstat(file)
        finally:
            os.close(file)
        if size != found.st_size or _stamp(after) != stamp:
            self.torn.append(path)
            self.problems[path] = Problem(path, "changed while it was read")
            self._keep(path)
            return
        whole = found.st_ctime_ns % 1_000_000_000 == 0
        tick = _COARSE_TICK_NS if whole else _TICK_NS
        racy = found.st_ctime_ns > began_ns - tick
        entry = Entry(
            Kind.FILE,
            found.st_mode & 0o777,
            size,
            digest,
            stamp=0 if racy else stamp,
        )
        self._add(path, entry)

    def _hash(self, file: int, size: int) -> tuple[int, bytes]:
        if size < _CHUNK:
            data = os.read(file, size + 1)
            small = hashlib.sha256(data).digest()
            self._keep_content(small, data)
            return len(data), small
        if self._buffer is None:
            self._buffer = bytearray(_CHUNK)
        view = memoryview(self._buffer)
        digest = hashlib.sha256()
        total = 0
        # A file that grows as fast as it is read has no end.
        while total <= size and (count := os.readv(file, [view])):
            self._go_on()
            digest.update(view[:count])
            total += count
        return total, digest.digest()

    def _keep_content(self, digest: bytes, data: bytes) -> None:
        if len(data) <= _KEPT_FILE and self._kept + len(data) <= _KEPT_ALL:
            self.contents[digest] = data
            self._kept += len(data)

    def _add(self, path: bytes, entry: Entry) -> None:
        self.found[path] = entry
        # A folder that Docker excludes is made for what it does not exclude in it.
        while self._excluded:
            path = path.rpartition(b"/")[0]
            above = self._excluded.pop(path, None)
            if above is None:
                return
            self.found[path] = above

    def _fail(self, path: bytes, exc: OSError) -> None:
        self.problems[path] = Problem(path, _reason(exc))
        self._keep(path)

    def _keep(self, path: bytes) -> None:
        """Let what was known of `path` stand: it was not seen to be gone."""
        old = self._old.get(path)
        if old is None:
            return
        self._add(path, replace(old, stamp=0))
        if old.kind is Kind.DIR:
            self._keep_below(path)

    def _keep_below(self, folder: bytes) -> None:
        prefix = folder + b"/" if folder else b""
        for path, entry in self._old.items():
            if path.startswith(prefix):
                self.found.setdefault(path, entry)


def _stamp(found: os.stat_result) -> int:
    """Return one number that is another one whenever the file may have changed."""
    return _STAMP_BITS & hash(
        (
            found.st_ctime_ns,
            found.st_mtime_ns,
            found.st_ino,
            found.st_size,
            found.st_mode,
        )
    )


def _reason(exc: OSError) -> str:
    return (exc.strerror or "cannot be read").lower()

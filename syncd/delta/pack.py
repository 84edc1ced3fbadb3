"""Files and links as a tar stream, verified while they are read.

A file of any size passes in bounded memory. What is sent is what the snapshot says, or
it is void: a file whose content is not the entry's, by size and SHA-256, is never
passed off as good. A small file is verified before any of it is sent; a large one is
found torn only at its end, so it is padded or cut to the size that its header gave,
and the agent is told its name before it puts anything in place.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from operator import itemgetter
from pathlib import Path

from syncd.delta.tarball import BLOCK, END, Flavour, digest_of, filled, header, sealed
from syncd.tree import Change, Entry, Kind
from syncd.wire import MAX_DATA


CHUNK = MAX_DATA
SLOW_S = 0.2  # what was read in it goes out, however little it is
_SOON = 32  # so many small files are packed before a thread would have been asked
# What opening a file says that is none any more: it left, or a folder or link came.
_MOVED = {errno.ENOENT, errno.ENOTDIR, errno.ELOOP}
_NAME_MAX = 4000  # of PATH_MAX, what one system call takes


class Pack:
    """Files and links as a tar stream, read from below `root` while it is iterated.

    Iterate once; what is known of it is complete when that has ended.

    Args:
        root: The local folder.
        changes: What to send; changes that take away or make folders are left out.
        flavour: How long names are written; only PAX carries digests.
        prefix: What stands before each path in the stream.
        content: Gives what a file holds, if that is known and need not be read.
        clock: Tells what is slow.

    Attributes:
        torn: Paths that are not what the snapshot has, and why; a look tells what is.
        unread: Paths that could not be read, and why; no look mends that.
        spoilt: Those of both that are in the stream all the same.
        sealed: Paths that were sent well, with the digest of each.
        size: Bytes of content in them.
        at_hand: Nothing has to be read, and it is soon done.
    """

    def __init__(
        self,
        root: bytes | Path,
        changes: Iterable[Change],
        flavour: Flavour = Flavour.PAX,
        prefix: bytes = b"",
        content: Callable[[Entry], bytes | None] = lambda _: None,
        clock: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.torn: dict[bytes, str] = {}
        self.unread: dict[bytes, str] = {}
        self.spoilt: list[bytes] = []
        self.sealed: dict[bytes, bytes] = {}
        self.size = 0
        self._root = os.fsencode(root)
        self._flavour = flavour
        self._prefix = prefix
        self._clock = clock
        entries = {change.path: change.entry for change in changes}
        self._entries = [
            (path, entry)
            for path, entry in sorted(entries.items(), key=itemgetter(0))
            if entry is not None and entry.kind is not Kind.DIR
        ]
        few = self._entries[:_SOON]
        found = {path: content(e) for path, e in few if e.kind is Kind.FILE}
        self._known = {path: data for path, data in found.items() if data is not None}
        self.at_hand = (
            len(self._entries) <= _SOON
            and len(self._known) == len(found)
            and sum(map(len, self._known.values())) <= CHUNK
        )

    @property
    def void(self) -> dict[bytes, str]:
        """Paths that cannot be sent as the snapshot has them, and why."""
        return self.torn | self.unread

    @property
    def digest(self) -> str:
        """The one digest over what was sent well."""
        return digest_of(self.sealed)

    def __iter__(self) -> Iterator[bytes]:
        """Yield the stream in pieces of at most 256 KiB, and what a slow disk has given."""
        buffer, begun_s = bytearray(), self._clock()
        for piece in chain(self.members(), [END] if self._entries else ()):
            buffer += piece
            late = self._clock() - begun_s > SLOW_S
            while len(buffer) >= CHUNK or (late and buffer):
                yield bytes(buffer[:CHUNK])
                del buffer[:CHUNK]
                begun_s = self._clock()
        if buffer:
            yield bytes(buffer)

    def members(self) -> Iterator[bytes]:
        """Yield the same without the end of the archive, so that more can follow."""
        if self.at_hand:
            for path, entry in self._entries:
                yield self._in_memory(path, entry)
            return
        try:
            root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as exc:
            reason = f"local folder: {exc.strerror}"
            self.unread |= {path: reason for path, _ in self._entries}
            return
        try:
            for path, entry in self._entries:
                if entry.kind is Kind.LINK or path in self._known:
                    yield self._in_memory(path, entry)
                else:
                    yield from self._file(root, path, entry)
        finally:
            os.close(root)

    def _header(self, path: bytes, entry: Entry) -> bytes:
        return header(self._prefix + path, entry, self._flavour)

    def _in_memory(self, path: bytes, entry: Entry) -> bytes:
        self.sealed[path] = sealed(entry)
        if entry.kind is Kind.LINK:
            return self._header(path, entry)
        self.size += entry.size
        return self._header(path, entry) + filled(self._known[path])

    def _file(self, root: int, path: bytes, entry: Entry) -> Iterator[bytes]:
        begun = False
        try:
            with _opened(root, path) as source:
                _expect_size(source, entry)
                if entry.size > CHUNK:
                    begun = True
                    yield self._header(path, entry)
                    yield from _streamed(source, entry)
                else:
                    data = _verified(source, entry)
                    yield self._header(path, entry) + filled(data)
        except OSError as exc:
            kind = self.torn if exc.errno in _MOVED else self.unread
            kind[path] = exc.strerror or str(exc)
        except _Torn as exc:
            self.torn[path] = str(exc)
        else:
            self.sealed[path] = entry.digest
            self.size += entry.size
            return
        if begun:
            self.spoilt.append(path)


class _Torn(Exception):
    """A file is not what the snapshot says."""


@contextmanager
def _opened(root: int, path: bytes) -> Iterator[int]:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    folders = []
    try:
        while len(path) > _NAME_MAX:  # what one system call takes
            cut = path.rindex(b"/", 0, _NAME_MAX)
            root = os.open(path[:cut], flags | os.O_DIRECTORY, dir_fd=root)
            folders.append(root)
            path = path[cut + 1 :]
        source = os.open(path, flags, dir_fd=root)
    finally:
        for folder in folders:
            os.close(folder)
    try:
        yield source
    finally:
        os.close(source)


def _expect_size(source: int, entry: Entry) -> None:
    found = os.fstat(source)
    if not stat.S_ISREG(found.st_mode):
        raise _Torn("it is no longer a plain file")
    if found.st_size != entry.size:
        raise _Torn("it changed since it was last looked at")


def _verified(source: int, entry: Entry) -> bytes:
    """Return the content of a small file, read whole."""
    data = os.read(source, entry.size)
    if hashlib.sha256(data).digest() != entry.digest:
        raise _Torn("it changed since it was last looked at")
    _expect_size(source, entry)
    return data


def _streamed(source: int, entry: Entry) -> Iterator[bytes]:
    """Yield exactly the bytes that a header promised, then say if they were good."""
    content = hashlib.sha256()
    left = entry.size
    failure: OSError | None = None
    while left:
        try:
            data = os.read(source, min(CHUNK, left))
        except OSError as exc:
            failure, data = exc, b""
        content.update(data)
        left -= len(data)
        yield data
        if not data:
            yield from (bytes(min(CHUNK, left - at)) for at in range(0, left, CHUNK))
            break
    yield bytes(-entry.size % BLOCK)
    if failure is not None:
        raise failure
    if content.digest() != entry.digest:
        raise _Torn("it changed while it was read")
    _expect_size(source, entry)

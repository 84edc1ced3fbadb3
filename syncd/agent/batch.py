"""A batch arrives: each file is staged beside its target, nothing is visible yet."""

from __future__ import annotations

import os
from contextlib import suppress

from syncd.agent.folders import above, checked, is_file
from syncd.agent.link import CHUNK, LOCKED, Broken, Refused
from syncd.agent.scratch import CREATE, Spool, write_all
from syncd.agent.stream import Stream, digest_of, members, sha256


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from syncd.agent.folders import Root
    from syncd.agent.link import Wire
    from syncd.agent.scratch import Clock, Temporaries
    from syncd.agent.stream import Member


class Batch:
    """What is known of one batch on its way into the tree.

    Attributes:
        items: The files and links that the stream held.
        errors: Per path, why it could not be done; the first reason counts.
        notes: Paths that landed in a lesser way, as data.
    """

    def __init__(
        self,
        number: int,
        root: Root,
        wire: Wire,
        temporaries: Temporaries,
        clock: Clock,
    ) -> None:
        self.number = number
        self.root = root
        self.wire = wire
        self.temporaries = temporaries
        self.clock = clock
        self.items: list[Member] = []
        self.errors: dict[str, Exception] = {}
        self.notes: list[dict[str, str]] = []
        self.spool: Spool | None = None

    def attempt(self, act: Callable[..., None], path: str, *args: object) -> bool:
        """Do something about one path; a failure is data."""
        self.wire.busy()
        try:
            act(checked(path), *args)
        except (OSError, Refused) as exc:
            self.errors.setdefault(path, self._cause(path, exc))
            return False
        return True

    def _cause(self, path: str, exc: Exception) -> Exception:
        """Return why a folder is missing, if that went wrong in this batch."""
        while path and getattr(exc, "code", "") == "missing-parent":
            path = above(path)
            exc = self.errors.get(path, exc)
        return exc

    def note(self, path: str, code: str, reason: str) -> None:
        """Tell that `path` landed in a lesser way."""
        self.notes.append({"path": path, "code": code, "reason": reason})

    def receive(self) -> None:
        """Stage all that the stream holds, to the end that confirms it."""
        stream = Stream(self.wire, self.number)
        for item in members(stream):
            self.items.append(item)
            self._take(item, stream)
        self._confirm(stream.end)

    def _take(self, item: Member, stream: Stream) -> None:
        content = sha256(os.fsencode(item.target or ""))
        wanted = item.target is None and self.attempt(self._open, item.path, item)
        left = item.size
        while left:
            data = stream.some(min(left, CHUNK))
            if not data:
                raise Broken("the tar stream ends in the middle")
            content.update(data)
            wanted = wanted and self.attempt(self._store, item.path, item, data)
            left -= len(data)
        if wanted:
            self.attempt(self.seal, item.path, item)
        if content.hexdigest() != item.digest:
            self.errors[item.path] = Refused("corrupt", "it did not arrive as it was")
        if item.path in self.errors:
            self.discard(item)

    def _open(self, path: str, item: Member) -> None:
        item.folder = self.root.nearest(path)
        try:
            self.create(item)
        except OSError as exc:
            if exc.errno not in LOCKED or not is_file(self.root.stat(path)):
                raise
            item.pinned = exc
            self.spool = self.spool or Spool(self.temporaries)
            item.offset = self.spool.size

    def create(self, item: Member) -> None:
        """Make the temporary of `item` in its folder; a file is open for its content."""

        def make(name: str) -> None:
            fd = self.root.folder(item.folder)
            if item.target is None:
                item.fd = os.open(name, CREATE | os.O_WRONLY, 0o600, dir_fd=fd)
            else:
                os.symlink(item.target, name, dir_fd=fd)

        def make_any() -> None:
            item.temp = self.temporaries.make(make)

        self.root.willing(item.folder, make_any)

    def _store(self, _path: str, item: Member, data: bytes) -> None:
        if item.pinned is not None and self.spool is not None:
            self.spool.write(data)
        else:
            write_all(item.fd, data)

    def seal(self, _path: str, item: Member) -> None:
        """Close a temporary whose content is complete."""
        if item.fd >= 0:
            fd, item.fd = item.fd, -1
            try:
                os.fchmod(fd, item.mode)
            finally:
                os.close(fd)  # where a disk over the network tells that it is full

    def discard(self, item: Member) -> None:
        """Remove the temporary of `item`, if it has one."""
        if item.fd >= 0:
            os.close(item.fd)
            item.fd = -1
        if item.temp:
            with suppress(OSError, Refused):  # else the next agent sweeps it
                os.unlink(item.temp, dir_fd=self.root.folder(item.folder))
            self.temporaries.live.discard(item.temp)
            item.temp = ""

    def _confirm(self, end: dict[str, Any]) -> None:
        """Compare what arrived with what the session says it sent."""
        void = set(end["void"])
        for item in self.items:
            if item.path in void:
                self.discard(item)
                self.errors.pop(item.path, None)
        self.items = [item for item in self.items if item.path not in void]
        size = sum(item.size for item in self.items)
        if (size, digest_of(self.items)) != (end["bytes"], end["digest"]):
            raise Broken(f"batch {self.number} is not what was sent")

    def close(self) -> None:
        """Remove what was not put in place."""
        for item in self.items:
            self.discard(item)
        if self.spool is not None:
            os.close(self.spool.fd)
        self.root.close()

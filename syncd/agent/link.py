"""Frames in, messages out, over two descriptors; and how failures are told."""

from __future__ import annotations

import errno
import json
import os
import select
import time
from contextlib import suppress


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any

LIMITS = {b"J": 16 << 20, b"D": 256 << 10, b"Z": 256 << 10}
CHUNK = 256 << 10
INBOX = 1 << 20  # read ahead no further than this while something else goes on
PART = 1 << 20  # size of one part of a long answer, about

CODES = {
    errno.EROFS: "read-only",
    errno.EACCES: "permission-denied",
    errno.EPERM: "permission-denied",
    errno.ENOSPC: "disk-full",
    errno.EDQUOT: "disk-full",
    errno.EFBIG: "file-too-large",
    errno.ENAMETOOLONG: "name-too-long",
    errno.EILSEQ: "name-refused",
    errno.EINVAL: "name-refused",
    errno.ENOENT: "missing",
    errno.ELOOP: "blocked",
    errno.ENOTDIR: "blocked",
    errno.EISDIR: "blocked",
    errno.EBUSY: "busy",
    errno.ETXTBSY: "busy",
    errno.EIO: "io-error",
}
LOCKED = (errno.EACCES, errno.EPERM, errno.EROFS)  # the folder; the file may be open
PINNED = (*LOCKED, errno.EBUSY, errno.ETXTBSY, errno.EXDEV)  # a rename was refused


class PeerGone(Exception):
    """Nobody is at the other end any more."""


class Broken(Exception):
    """The peer broke the protocol; nothing further can be understood."""


class Refused(Exception):
    """One path cannot be done, for a reason of ours; `code` is for programs."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def trouble(path: str, exc: Exception) -> dict[str, str]:
    """Return a failure as data."""
    number = getattr(exc, "errno", None) or 0
    return {
        "path": path,
        "code": getattr(exc, "code", CODES.get(number, "failed")),
        "error": getattr(exc, "strerror", None) or str(exc),
    }


class Wire:
    """Frames over two descriptors.

    Whatever it waits for, it notices that the peer has gone: a process that is blocked
    in writing to nobody would stay until its container ends.

    Attributes:
        aside: Who is called when another descriptor can be read, whatever is waited for.
    """

    def __init__(self, source: int, sink: int) -> None:
        self.source = source
        self.sink = sink
        self.inbox = bytearray()
        self.silence_s: float | None = None
        self.silent_since = time.monotonic()
        self.aside: dict[int, Callable[[], None]] = {}
        os.set_blocking(sink, False)

    def receive(self, *, resting: bool = False) -> tuple[bytes, bytes]:
        """Return the type and payload of the next frame.

        Whoever waits for it in the middle of something says so once a second; whoever
        rests says nothing.
        """
        heard = time.monotonic()
        while True:
            frame = self._cut()
            if frame is not None:
                return frame
            quiet = resting and not self.inbox
            wait_s = self._wait_s(quiet=quiet)
            ready = select.select([self.source, *self.aside], [], [], wait_s)[0]
            self.attend(ready)
            if self.source in ready:
                self.fill()
                heard = time.monotonic()
            elif self.silence_s and time.monotonic() - heard >= self.silence_s:
                raise PeerGone
            elif not quiet:
                self.busy()

    def _wait_s(self, *, quiet: bool) -> float | None:
        return self.silence_s if quiet else min(1.0, self.silence_s or 1.0)

    def _cut(self) -> tuple[bytes, bytes] | None:
        if len(self.inbox) < 5:
            return None
        kind, size = bytes(self.inbox[:1]), int.from_bytes(self.inbox[1:5], "big")
        if size > LIMITS.get(kind, -1):
            raise Broken(f"a frame of type {kind!r} and {size} bytes")
        if len(self.inbox) < 5 + size:
            return None
        payload = bytes(self.inbox[5 : 5 + size])
        del self.inbox[: 5 + size]
        return kind, payload

    def fill(self) -> None:
        """Take in what has arrived."""
        try:
            data = os.read(self.source, CHUNK)
        except BlockingIOError:  # source and sink may be one socket
            return
        except OSError as exc:
            raise PeerGone from exc
        if not data:
            raise PeerGone
        self.inbox += data

    def listens(self) -> list[int]:
        """Return what to select for reading: nothing, if enough is waiting already."""
        return [self.source] if len(self.inbox) < INBOX else []

    def attend(self, ready: Iterable[int]) -> None:
        """Call those whose descriptor can be read."""
        for fd in ready:
            if fd in self.aside:
                self.aside[fd]()

    def message(self) -> dict[str, Any]:
        """Return the next message, where nothing else may come."""
        kind, payload = self.receive(resting=True)
        if kind != b"J":
            raise Broken("data outside of a batch")
        self.silent_since = time.monotonic()  # until now there was nothing to say
        return parsed(payload)

    def send(self, **message: object) -> None:
        """Send one message, whole."""
        body = json.dumps(message, separators=(",", ":")).encode()
        rest = memoryview(b"J" + len(body).to_bytes(4, "big") + body)
        while rest:
            try:
                rest = rest[os.write(self.sink, rest) :]
            except BlockingIOError:
                if select.select(self.listens(), [self.sink], [])[0]:
                    self.fill()
            except OSError as exc:
                raise PeerGone from exc
        self.silent_since = time.monotonic()

    def busy(self) -> None:
        """Say that work goes on, if nothing was said of it for a second."""
        if time.monotonic() - self.silent_since > 1:
            with suppress(PeerGone):  # finish what is under way; the next read notices
                self.send(op="busy")

    def pong(self, ping: Mapping[str, Any]) -> None:
        """Answer a ping."""
        self.send(op="pong", id=ping.get("id"), time_ns=time.time_ns())


def parsed(payload: bytes) -> dict[str, Any]:
    """Return the message that `payload` is."""
    message = json.loads(payload.decode())
    if not isinstance(message, dict):
        raise Broken("a message that is no object")
    return message


class Answer:
    """An answer that may be long: sent in parts as it grows.

    Lists that are `always` wanted are there even if they are empty.
    """

    def __init__(
        self, wire: Wire, op: str, of: Mapping[str, Any], *always: str
    ) -> None:
        self.wire = wire
        self.head = {"op": op, "id": of["id"]}
        self.part: dict[str, Any] = {key: [] for key in always}
        self.room = PART

    def add(self, key: str, item: object, path: str) -> None:
        """Add `item`, which names `path`, to the list `key`."""
        self.part.setdefault(key, []).append(item)
        self._spend(path)

    def set(self, key: str, path: str, value: object) -> None:
        """Set what the object `key` says of `path`."""
        self.part.setdefault(key, {})[path] = value
        self._spend(path)

    def fail(self, path: str, exc: Exception) -> None:
        """Add what went wrong with `path`."""
        self.add("errors", trouble(path, exc), path)

    def close(self, **facts: object) -> None:
        """Send the last part."""
        self.wire.send(end=True, **self.head, **self.part, **facts)

    def _spend(self, path: str) -> None:
        self.room -= 530 + 6 * len(path)  # each byte may travel as \udcXX
        if self.room < 0:
            self.wire.send(end=False, **self.head, **self.part)
            self.part, self.room = {}, PART
        self.wire.busy()

"""WebSocket frames as Kubernetes' servers read and write them (no I/O).

They use a library that knows frames and no messages: each data frame is taken for a
message of its own, a fragment and its continuations alike. RFC 6455 is kept in all
else that clients see.
"""

import base64
import enum
import hashlib
import struct
from dataclasses import dataclass


LIMIT = 32 * 1024 * 1024

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Opcode(enum.IntEnum):
    """Kinds of frame."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame from the client."""

    opcode: int
    payload: bytes


class Unmasked(Exception):
    """The client sent a frame without a mask."""


class TooLarge(Exception):
    """The client sent a frame above `LIMIT`."""


class FrameReader:
    """Takes bytes from the client, gives its frames."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes."""
        self._data += data

    def next(self) -> Frame | None:
        """Return the next whole frame, if there is one.

        Raises:
            Unmasked: At the first frame without a mask.
            TooLarge: At the first frame that is, before its payload has come.
        """
        head = self._head()
        if head is None:
            return None
        start, length = head
        if length > LIMIT:
            raise TooLarge
        if not self._data[1] & 0x80:
            raise Unmasked
        end = start + 4 + length
        if len(self._data) < end:
            return None
        mask = bytes(self._data[start : start + 4])
        payload = bytes(self._data[start + 4 : end])
        opcode = self._data[0] & 0x0F
        del self._data[:end]
        return Frame(opcode, masked(payload, mask))

    def _head(self) -> tuple[int, int] | None:
        """Return where the mask starts, and how long the payload is."""
        data = self._data
        if len(data) < 2:
            return None
        length = data[1] & 0x7F
        size = {126: 2, 127: 8}.get(length, 0)
        if len(data) < 2 + size:
            return None
        if size:
            length = int.from_bytes(data[2 : 2 + size], "big")
        return 2 + size, length


def masked(payload: bytes, mask: bytes) -> bytes:
    """Put the mask on a payload, or take it off."""
    # As numbers: the fastest that the standard library has.
    length = len(payload)
    pattern = int.from_bytes(mask * (length // 4) + mask[: length % 4], "big")
    return (int.from_bytes(payload, "big") ^ pattern).to_bytes(length, "big")


def frame(opcode: Opcode, payload: bytes) -> bytes:
    """Return a whole frame of the server's."""
    length = len(payload)
    if length < 126:
        head = struct.pack(">BB", 0x80 | opcode, length)
    elif length < 1 << 16:
        head = struct.pack(">BBH", 0x80 | opcode, 126, length)
    else:
        head = struct.pack(">BBQ", 0x80 | opcode, 127, length)
    return head + payload


def close_frame(code: int) -> bytes:
    """Return a close frame; Kubernetes gives no reason text."""
    return frame(Opcode.CLOSE, struct.pack(">H", code))


def accept_key(key: str) -> str:
    """Return the answer to a client's `Sec-WebSocket-Key`."""
    digest = hashlib.sha1(key.encode() + _GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()

"""The frames between session and agent: bytes in, messages out. No I/O.

    type  1 byte     J  one JSON object with the key "op"; at most 16 MiB
    size  4 bytes    D  tar bytes of the batch under way; at most 256 KiB
    payload          Z  the same, deflated as one zlib stream per batch

The size is big-endian. A frame knows nothing of WebSocket messages: it may be cut over
several, and several may come in one. File names are bytes; inside JSON they are UTF-8
with undecodable bytes as lone surrogates (`as_text`, `as_path`), which every JSON
reader carries as plain escapes.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from syncd.errors import ProtocolError


VERSION = 1
MAX_MESSAGE = 16 * 1024 * 1024
MAX_DATA = 256 * 1024

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Data:
    """A piece of the tar stream of the batch under way."""

    payload: bytes
    compressed: bool = False


Frame = Message | Data

_LIMITS = {b"J": MAX_MESSAGE, b"D": MAX_DATA, b"Z": MAX_DATA}
_HEAD = 5


def encode(message: Message) -> bytes:
    """Return `message` as one frame.

    Raises:
        ValueError: If it is larger than a message may be.
    """
    return _frame(b"J", json.dumps(message, separators=(",", ":")).encode())


def encode_data(payload: bytes, *, compressed: bool = False) -> bytes:
    """Return a piece of a tar stream as one frame.

    Raises:
        ValueError: If it is larger than a piece may be.
    """
    return _frame(b"Z" if compressed else b"D", payload)


def _frame(kind: bytes, payload: bytes) -> bytes:
    if len(payload) > _LIMITS[kind]:
        raise ValueError(f"{len(payload)} bytes do not fit in one {kind!r} frame")
    return kind + len(payload).to_bytes(4, "big") + payload


def as_text(path: bytes) -> str:
    """Return a file name as it travels inside a message."""
    return path.decode("utf-8", "surrogateescape")


def as_path(text: object) -> bytes:
    """Return the file name that `text`, a value of a received message, stands for.

    Raises:
        ProtocolError: If it is none.
    """
    if not isinstance(text, str):
        raise ProtocolError(f"a file name was expected, not {text!r}")
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as exc:
        raise ProtocolError(f"no file has the name {text!r}") from exc


def joined(parts: Sequence[Message]) -> Message:
    """Return the one answer that came in `parts`: lists and objects add up.

    Long answers (`list`, `hash`, `applied`) are sent in parts with `"end": false`,
    the last with `"end": true`.
    """
    whole: Message = {}
    for part in parts:
        for key, value in part.items():
            match whole.get(key), value:
                case list(), list():
                    whole[key] = whole[key] + value
                case dict(), dict():
                    whole[key] = whole[key] | value
                case _:
                    whole[key] = value
    return whole


class Decoder:
    """Cuts received bytes into frames, however they were chunked."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._broken: ProtocolError | None = None

    def feed(self, data: bytes) -> list[Frame]:
        """Return the frames that are complete with `data`.

        Raises:
            ProtocolError: If no peer should have sent this. The decoder is then of
                no further use, and says so again.
        """
        if self._broken is not None:
            raise self._broken
        self._buffer += data
        frames: list[Frame] = []
        try:
            while (frame := self._cut()) is not None:
                frames.append(frame)
        except ProtocolError as exc:
            self._broken = exc
            raise
        return frames

    def _cut(self) -> Frame | None:
        if not self._buffer:
            return None
        kind = bytes(self._buffer[:1])
        if kind not in _LIMITS:
            raise ProtocolError(f"a frame of unknown type {kind!r}")
        if len(self._buffer) < _HEAD:
            return None
        size = int.from_bytes(self._buffer[1:_HEAD], "big")
        if size > _LIMITS[kind]:
            raise ProtocolError(f"a frame of {size} bytes is longer than allowed")
        if len(self._buffer) < _HEAD + size:
            return None
        payload = bytes(self._buffer[_HEAD : _HEAD + size])
        del self._buffer[: _HEAD + size]
        return _message(payload) if kind == b"J" else Data(payload, kind == b"Z")


def _message(payload: bytes) -> Message:
    try:
        message = json.loads(payload.decode("utf-8"))
    except (ValueError, RecursionError) as exc:
        raise ProtocolError(f"a message that is no JSON: {payload[:80]!r}") from exc
    if not isinstance(message, dict) or not isinstance(message.get("op"), str):
        raise ProtocolError(f"a message without an op: {payload[:80]!r}")
    return message

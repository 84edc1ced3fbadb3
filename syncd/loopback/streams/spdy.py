"""SPDY/3.1 framing, as much of it as Kubernetes' streams use (no I/O).

The protocol is long dead everywhere else. kubectl speaks it to servers before 1.29 and,
inside a WebSocket, for port-forward to all of them. Nobody uses its flow control.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final


_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY = 1, 2, 3, 6, 7
_FIN = 1
_LIMIT = 1 << 24

# The words that both sides' compression starts with, by draft 3 of the protocol.
_WORDS: Final = [
    *[
        "options",
        "head",
        "post",
        "put",
        "delete",
        "trace",
        "accept",
        "accept-charset",
        "accept-encoding",
    ],
    *[
        "accept-language",
        "accept-ranges",
        "age",
        "allow",
        "authorization",
        "cache-control",
    ],
    *["connection", "content-base", "content-encoding", "content-language"],
    *[
        "content-length",
        "content-location",
        "content-md5",
        "content-range",
        "content-type",
    ],
    *[
        "date",
        "etag",
        "expect",
        "expires",
        "from",
        "host",
        "if-match",
        "if-modified-since",
    ],
    *["if-none-match", "if-range", "if-unmodified-since", "last-modified", "location"],
    *["max-forwards", "pragma", "proxy-authenticate", "proxy-authorization", "range"],
    *[
        "referer",
        "retry-after",
        "server",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ],
    *[
        "user-agent",
        "vary",
        "via",
        "warning",
        "www-authenticate",
        "method",
        "get",
        "status",
    ],
    *("200 OK", "version", "HTTP/1.1", "url", "public", "set-cookie", "keep-alive"),
    "origin",
]
_TEXT: Final = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417"
    "502504505203 Non-Authoritative Information204 No Content301 Moved Permanently400 "
    "Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 "
    "Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct "
    "Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,"
    "image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,"
    "text/javascript,publicprivatemax-age=gzip,deflate,sdchcharset=utf-8"
    "charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY: Final = (
    b"".join(struct.pack(">I", len(w)) + w.encode() for w in _WORDS) + _TEXT.encode()
)


@dataclass(frozen=True, slots=True)
class Opened:
    """The client opened a stream."""

    stream: int
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Received:
    """Bytes on a stream; `last` if the client sends no more on it."""

    stream: int
    data: bytes
    last: bool


@dataclass(frozen=True, slots=True)
class Reset:
    """The client wants no more of a stream."""

    stream: int


@dataclass(frozen=True, slots=True)
class Ping:
    """The client wants to hear a number again."""

    number: int


Event = Opened | Received | Reset | Ping


class SpdyError(Exception):
    """The client sent what is no SPDY."""


class Spdy:
    """The server's side of one session."""

    def __init__(self) -> None:
        self._inbox = bytearray()
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)

    def receive(self, data: bytes) -> Iterator[Event]:
        """Take bytes; yield what they mean.

        Raises:
            SpdyError: If they mean nothing.
        """
        self._inbox += data
        while len(self._inbox) >= 8:
            first, second = struct.unpack(">II", self._inbox[:8])
            length = second & 0xFFFFFF
            if len(self._inbox) < 8 + length:
                break
            payload = bytes(self._inbox[8 : 8 + length])
            del self._inbox[: 8 + length]
            flags = second >> 24
            if not first >> 31:
                yield Received(first, payload, bool(flags & _FIN))
            else:
                yield from self._control(first & 0xFFFF, flags, payload)

    def _control(self, kind: int, flags: int, payload: bytes) -> Iterator[Event]:
        try:
            match kind:
                case 1:  # SYN_STREAM
                    stream = struct.unpack(">I", payload[:4])[0] & 0x7FFFFFFF
                    yield Opened(stream, self._headers(payload[10:]))
                    if flags & _FIN:
                        yield Received(stream, b"", last=True)
                case 3:  # RST_STREAM
                    yield Reset(struct.unpack(">I", payload[:4])[0])
                case 6:  # PING
                    yield Ping(struct.unpack(">I", payload)[0])
                case _:
                    pass  # settings, windows, and farewells: nothing follows from them
        except (struct.error, zlib.error, UnicodeDecodeError) as error:
            raise SpdyError(str(error)) from error

    def _headers(self, block: bytes) -> dict[str, str]:
        text = self._inflate.decompress(block, _LIMIT)
        (count,) = struct.unpack(">I", text[:4])
        text = text[4:]
        words: list[str] = []
        for _ in range(2 * count):
            (length,) = struct.unpack(">I", text[:4])
            words.append(text[4 : 4 + length].decode())
            text = text[4 + length :]
        return dict(zip(words[::2], words[1::2], strict=True))

    def accept(self, stream: int) -> bytes:
        """Return the answer to a stream that was opened."""
        block = self._deflate.compress(struct.pack(">I", 0))
        block += self._deflate.flush(zlib.Z_SYNC_FLUSH)
        return _control_frame(_SYN_REPLY, struct.pack(">I", stream) + block)

    def send(self, stream: int, data: bytes, *, last: bool = False) -> bytes:
        """Return bytes on a stream."""
        flags = _FIN if last else 0
        return struct.pack(">II", stream, flags << 24 | len(data)) + data

    def pong(self, number: int) -> bytes:
        """Return the answer to a ping."""
        return _control_frame(_PING, struct.pack(">I", number))

    def farewell(self) -> bytes:
        """Return the last words of a session."""
        return _control_frame(_GOAWAY, struct.pack(">II", 0, 0))


def _control_frame(kind: int, payload: bytes) -> bytes:
    return struct.pack(">HHI", 0x8003, kind, len(payload)) + payload

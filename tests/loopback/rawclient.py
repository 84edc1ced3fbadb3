"""A client that sends the very bytes it is told to, and tells all that comes back."""

import asyncio
import os
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import anyio

from syncd.loopback.streams.frames import Opcode, masked


QUIET_S = 0.15
NAMES = {"cont": 0, "text": 1, "binary": 2, "close": 8, "ping": 9, "pong": 10}
WEBSOCKET = (
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "x3JJHMbDL1EzLkh9GBhXDw=="),
)


@dataclass
class Talk:
    """What a server said, and the means to say something.

    Attributes:
        status: Of its answer.
        headers: As they came, names and all.
        body: Of an answer that is no upgrade.
        frames: Each with its kind; `("eof", b"")` and `("reset", b"")` are the ends.
    """

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    status: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    frames: list[tuple[str, bytes]] = field(default_factory=list)

    @property
    def upgraded(self) -> bool:
        return self.status.startswith("101")

    @property
    def ended(self) -> bool:
        return bool(self.frames) and self.frames[-1][0] in ("eof", "reset")

    def text(self, channel: int) -> bytes:
        """All that came on a channel."""
        return b"".join(
            data[1:]
            for kind, data in self.frames
            if kind == "binary" and data[0] == channel
        )

    def send(
        self, kind: str, payload: bytes, *, final: bool = True, mask: bool = True
    ) -> None:
        length = len(payload)
        first = (0x80 if final else 0) | NAMES[kind]
        bit = 0x80 if mask else 0
        if length < 126:
            head = bytes((first, bit | length))
        elif length < 1 << 16:
            head = struct.pack(">BBH", first, bit | 126, length)
        else:
            head = struct.pack(">BBQ", first, bit | 127, length)
        if mask:
            key = os.urandom(4)
            head, payload = head + key, masked(payload, key)
        self.writer.write(head + payload)

    def stdin(self, data: bytes) -> None:
        self.send("binary", b"\x00" + data)

    async def next(self) -> tuple[str, bytes]:
        """Return the next frame, or the end."""
        if self.ended:
            return self.frames[-1]
        try:
            found = await self._read()
        except asyncio.IncompleteReadError as error:
            found = ("eof", error.partial)
        except ConnectionResetError:
            found = ("reset", b"")
        self.frames.append(found)
        return found

    async def _read(self) -> tuple[str, bytes]:
        first, length = await self.reader.readexactly(2)
        assert first & 0xF0 == 0x80, "FIN, and no bit that is reserved"
        assert length < 128, "a server masks nothing"
        if length >= 126:
            more = await self.reader.readexactly(2 if length == 126 else 8)
            length = int.from_bytes(more, "big")
        return Opcode(first & 15).name.lower(), await self.reader.readexactly(length)

    async def until(self, channel: int, text: bytes) -> None:
        """Read until a channel has brought some text."""
        with anyio.fail_after(10):
            while text not in self.text(channel):
                assert not self.ended, self.frames
                await self.next()

    async def rest(self) -> list[tuple[str, bytes]]:
        """Read to the end; return all frames."""
        with anyio.fail_after(10):
            while not self.ended:
                await self.next()
        return self.frames

    async def is_quiet(self) -> bool:
        """Whether nothing comes for a moment."""
        with anyio.move_on_after(QUIET_S):
            await self.next()
            return False
        return True

    def reset(self) -> None:
        """Go without a word."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SO_LINGER: a reset, no end
        self.writer.transport.abort()


@asynccontextmanager
async def talk(
    port: int,
    path: str,
    headers: Sequence[tuple[str, str]] = (),
    *,
    method: str = "GET",
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Talk]:
    """Send a request, and read the head of the answer."""
    host = "localhost" if tls else None
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=tls, server_hostname=host, limit=1 << 26
    )
    try:
        lines = [f"{method} /{path} HTTP/1.1", "Host: localhost"]
        lines += [f"{name}: {value}" for name, value in headers]
        writer.write("\r\n".join([*lines, "", ""]).encode())
        yield await _answer(reader, writer)
    finally:
        writer.transport.abort()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Talk:
    with anyio.fail_after(10):
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        said = Talk(reader, writer, head[0].partition(" ")[2])
        for line in head[1:-2]:
            name, _, value = line.partition(": ")
            said.headers[name] = value.strip()
        if not said.upgraded:
            length = said.headers.get("Content-Length")
            said.body = await (
                reader.readexactly(int(length)) if length else reader.read()
            )
    return said


def exec_path(
    pod: str, *argv: str, stdin: bool = False, tty: bool = False, what: str = "exec"
) -> str:
    """The path of an exec with stdout and stderr."""
    query = [("command", word) for word in argv]
    query += [
        ("stdout", "true"),
        ("stdin", str(stdin).lower()),
        ("tty", str(tty).lower()),
    ]
    query += [] if tty else [("stderr", "true")]
    return f"pods/{pod}/{what}?{urlencode(query)}"


def offering(*protocols: str) -> tuple[tuple[str, str], ...]:
    """The headers of a WebSocket that offers these subprotocols."""
    offer = ", ".join(f"{name}.channel.k8s.io" for name in protocols)
    return (*WEBSOCKET, ("Sec-WebSocket-Protocol", offer))

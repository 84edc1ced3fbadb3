"""A SPDY session with a client: streams that it opens, over TCP or in a WebSocket."""

from collections.abc import AsyncGenerator
from typing import Protocol

from syncd.loopback.streams.connection import Connection
from syncd.loopback.streams.frames import (
    FrameReader,
    Opcode,
    TooLarge,
    Unmasked,
    close_frame,
    frame,
)
from syncd.loopback.streams.spdy import Event, Ping, Spdy, SpdyError


class Bytes(Protocol):
    """What a session runs over."""

    async def receive(self) -> bytes:
        """Return what came; nothing at the end."""

    async def send(self, data: bytes) -> None:
        """Send, and wait while the client does not take it."""

    def write(self, data: bytes) -> None:
        """Send without waiting."""

    def close(self) -> None:
        """Close once all is sent."""


class Tunnel:
    """Bytes in a WebSocket's messages, cut as it happens."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reader = FrameReader()

    async def receive(self) -> bytes:
        """Return what came; nothing at the end."""
        while True:
            try:
                received = self._reader.next()
            except (Unmasked, TooLarge):
                return b""
            if received is None:
                data = await self._connection.receive()
                if not data:
                    return b""
                self._reader.feed(data)
            elif received.opcode == Opcode.CLOSE:
                return b""
            elif received.opcode == Opcode.PING:
                await self._connection.send(frame(Opcode.PONG, received.payload))
            elif received.opcode != Opcode.PONG and received.payload:
                return received.payload

    async def send(self, data: bytes) -> None:
        """Send, and wait while the client does not take it."""
        await self._connection.send(frame(Opcode.BINARY, data))

    def write(self, data: bytes) -> None:
        """Send without waiting."""
        self._connection.write(frame(Opcode.BINARY, data))

    def close(self) -> None:
        """Close once all is sent."""
        self._connection.write(close_frame(1000))
        self._connection.close()


class Session:
    """The streams of one client; they all go over `under`."""

    def __init__(self, under: Bytes) -> None:
        self._under = under
        self._spdy = Spdy()

    async def events(self) -> AsyncGenerator[Event, None]:
        """Yield what the client does, until it goes."""
        try:
            while data := await self._under.receive():
                for event in self._spdy.receive(data):
                    if isinstance(event, Ping):
                        await self._under.send(self._spdy.pong(event.number))
                    else:
                        yield event
        except (ConnectionResetError, SpdyError):
            return

    def accept(self, stream: int) -> None:
        """Take a stream that the client opened."""
        self._under.write(self._spdy.accept(stream))

    async def send(self, stream: int, data: bytes) -> None:
        """Send on a stream, and wait while the client does not take it."""
        await self._under.send(self._spdy.send(stream, data))

    def end(self, stream: int, data: bytes = b"") -> None:
        """Send the last on a stream."""
        self._under.write(self._spdy.send(stream, data, last=True))

    def close(self) -> None:
        """Take leave."""
        self._under.write(self._spdy.farewell())
        self._under.close()

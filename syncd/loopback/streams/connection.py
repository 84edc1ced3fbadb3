"""A connection that a handler takes from the HTTP server, to speak as it must."""

import asyncio
from collections.abc import Mapping

import anyio
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter


# Beyond this the client is made to wait. Large, because who does not read does not see
# the client go either.
_UNREAD = 8 * 1024 * 1024


class Connection(asyncio.Protocol):
    """Bytes to and from the client.

    Attributes:
        lost: Set when the connection is no more.
    """

    def __init__(
        self, transport: asyncio.Transport, before: asyncio.BaseProtocol
    ) -> None:
        self._transport = transport
        self._before = before
        self._inbox = bytearray()
        self._ended = False
        self._error: BaseException | None = None
        self._news = anyio.Event()
        self._writable = anyio.Event()
        self._writable.set()
        self.lost = anyio.Event()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """Take what the HTTP server read too far; it calls this as if of its parser."""
        self.data_received(data)
        return False, b""

    def feed_eof(self) -> None:
        """Hear that the HTTP server's reading is over."""

    def data_received(self, data: bytes) -> None:
        """Keep what came."""
        self._inbox += data
        if len(self._inbox) > _UNREAD:
            self._transport.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        """Note that the client sends no more, and leave our side open."""
        self._ended = True
        self._news.set()
        return False

    def connection_lost(self, exc: BaseException | None) -> None:
        """Note the end, and let the HTTP server know as well."""
        self._ended = True
        self._error = exc
        self._news.set()
        self._writable.set()
        self.lost.set()
        self._before.connection_lost(exc if isinstance(exc, Exception) else None)

    def pause_writing(self) -> None:
        """Make senders wait."""
        self._writable = anyio.Event()

    def resume_writing(self) -> None:
        """Let senders go on."""
        self._writable.set()

    async def receive(self) -> bytes:
        """Return what the client sent; nothing when it sends no more.

        Raises:
            ConnectionResetError: If it went without saying so.
        """
        while not self._inbox and not self._ended:
            self._news = anyio.Event()
            await self._news.wait()
        data = bytes(self._inbox)
        self._inbox.clear()
        if not self._ended:
            self._transport.resume_reading()
        if not data and self._error is not None:
            raise ConnectionResetError from self._error
        return data

    async def send(self, data: bytes) -> None:
        """Send, and wait while the client does not take it."""
        self.write(data)
        await self._writable.wait()

    def write(self, data: bytes) -> None:
        """Send without waiting; a connection that is lost takes all."""
        if not self.lost.is_set():
            self._transport.write(data)

    def close(self) -> None:
        """Close once all is sent."""
        self._transport.close()


class Verbatim(web.StreamResponse):
    """A response that is exactly these bytes, or, without any, was given before."""

    def __init__(self, data: bytes = b"", *, status: int = 101) -> None:
        super().__init__(status=status)
        self._bytes = data
        self.force_close()

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Send the bytes, and nothing that the server would add."""
        if self._bytes and request.transport:
            request.transport.write(self._bytes)
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Nothing follows."""


def head(status: str, headers: Mapping[str, str], body: str = "") -> bytes:
    """Return a response with these headers and no others."""
    lines = [
        f"HTTP/1.1 {status}",
        *(f"{key}: {value}" for key, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", body]).encode()


def take_over(request: web.Request) -> Connection:
    """Take the connection of a request; the HTTP server does not touch it again.

    Raises:
        ConnectionResetError: If there is none any more.
    """
    transport, server = request.transport, request.protocol
    if transport is None:
        raise ConnectionResetError
    connection = Connection(transport, server)
    # First what is read already, through the door that WebSockets are meant to use;
    # then all that comes, with its errors and its end, which that door does not tell.
    server.set_parser(connection)  # type: ignore[arg-type] # only feed_data is used
    transport.set_protocol(connection)
    return connection

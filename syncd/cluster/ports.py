"""What `Api` needs of an HTTP client.

The one there is, `client`, imports aiohttp and kubernetes, which takes a third of a
second. Everything else in this package sees only what stands here, so that it can be
imported, and tested, without.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from syncd.cluster.failures import Answer


Params = Sequence[tuple[str, str]]
"""A query string; a name may come more than once."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things may take, in seconds.

    Attributes:
        request: A request, from connecting to the end of its answer.
        connect: Connecting, of what lasts: a watch, a log, an exec stream.
        watch: How long the API server is asked to keep one watch open.
        watch_idle: Silence after which a watch is opened anew. API servers send a
            bookmark each minute or so.
        retry_first: The first pause before something is tried again; it doubles.
        retry_most: The longest pause.
        heartbeat: Silence on a WebSocket before it is pinged; half of that again
            without an answer and the link is lost.
    """

    request: float = 15.0
    connect: float = 15.0
    watch: float = 240.0
    watch_idle: float = 90.0
    retry_first: float = 0.1
    retry_most: float = 5.0
    heartbeat: float = 13.0


class HandshakeRefused(Exception):
    """The server did not switch to WebSocket; `answer` is what it said instead."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


class Body(Protocol):
    """An answer that goes on."""

    async def chunk(self) -> bytes:
        """Return what came next, or b"" at the proper end.

        Raises:
            Unreachable: If it was cut.
        """
        ...

    def abort(self) -> None:
        """Cut it: who waits for a chunk gets `Unreachable`."""
        ...


class Socket(Protocol):
    """An open WebSocket; one task may send while another receives."""

    @property
    def protocol(self) -> str:
        """The subprotocol that the server chose, or ""."""
        ...

    async def send(self, message: bytes) -> None:
        """Send one binary message, unfragmented, and wait until it is taken.

        Raises:
            TransportError: If the connection is gone.
        """
        ...

    async def receive(self) -> bytes | None:
        """Return the next message, or None once the peer has closed properly.

        Raises:
            TransportError: If the connection broke.
        """
        ...

    async def aclose(self) -> None:
        """Close it, within half a second; never raises."""
        ...


class Http(Protocol):
    """Requests to one API server, with credentials that are kept fresh.

    A 401 is answered once with fresh credentials. All methods raise `Unreachable` when
    no answer comes, and `Unauthorized` when the credentials do not hold.
    """

    async def request(
        self,
        method: str,
        path: str,
        params: Params = (),
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> Answer:
        """Return the answer, read whole, whatever its status."""
        ...

    def stream(
        self, path: str, params: Params = (), *, idle_s: float | None = None
    ) -> AbstractAsyncContextManager[Answer | Body]:
        """Open a GET whose answer goes on: its body, or an `Answer` other than 200.

        Args:
            path: The path.
            params: The query.
            idle_s: Silence after which the body counts as broken; None waits for ever.
        """
        ...

    async def websocket(
        self, path: str, params: Params, protocols: Sequence[str]
    ) -> Socket:
        """Open a WebSocket.

        Raises:
            HandshakeRefused: If the server answers with anything but 101.
        """
        ...

    async def aclose(self) -> None:
        """Close every connection."""
        ...

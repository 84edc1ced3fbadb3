"""A WebSocket of aiohttp, as the port that the rest of the package sees.

aiohttp sends a message as one frame, whatever its size, and `send_bytes` waits for the
transport once 64 KiB are buffered: both are relied upon.
"""

import asyncio
import socket as sockets
from contextvars import ContextVar
from types import SimpleNamespace

import aiohttp
import anyio

from syncd.cluster.failures import Answer
from syncd.errors import ProtocolError, TransportError


_MAX_REFUSAL = 64 * 2**10
_CLOSE_S = 0.5


refused: ContextVar[Answer | None] = ContextVar("refused", default=None)
"""The last handshake that was answered with anything but 101, in this task."""


def keep_refusals() -> aiohttp.TraceConfig:
    """Return the trace that keeps in `refused` what a refused handshake said.

    aiohttp's error has the status but not the body, and only the body tells a refused
    subprotocol from a missing permission.
    """
    trace = aiohttp.TraceConfig()
    trace.on_request_end.append(_keep_refusal)
    return trace


async def _keep_refusal(
    _session: aiohttp.ClientSession,
    _context: SimpleNamespace,
    params: aiohttp.TraceRequestEndParams,
) -> None:
    response = params.response
    if "Upgrade" in params.headers and response.status != 101:
        body = await response.content.read(_MAX_REFUSAL)
        refused.set(Answer(response.status, response.headers, body))


def keep_alive(transport: asyncio.Transport | None) -> None:
    """Let the system notice within half a minute that the peer is gone.

    For what may rightly be silent for hours, such as a log.
    """
    socket = transport.get_extra_info("socket") if transport else None
    if socket is None:
        return
    socket.setsockopt(sockets.SOL_SOCKET, sockets.SO_KEEPALIVE, 1)
    for option, value in _KEEP_ALIVE.items():
        if hasattr(sockets, option):  # macOS has another name for the first
            socket.setsockopt(sockets.IPPROTO_TCP, getattr(sockets, option), value)


_KEEP_ALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}


class AiohttpSocket:
    """An open WebSocket. It implements `ports.Socket`."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self._ws = ws
        self._is_over = False

    @property
    def protocol(self) -> str:
        """The subprotocol that the server chose, or ""."""
        return self._ws.protocol or ""

    async def send(self, message: bytes) -> None:
        """Send one binary message; see `ports.Socket`."""
        try:
            await self._ws.send_bytes(message)
        except (aiohttp.ClientError, OSError) as exc:
            raise self._broken() from exc

    async def receive(self) -> bytes | None:
        """Return the next message; see `ports.Socket`."""
        if self._is_over:
            return None
        message = await self._ws.receive()
        match message.type:
            case aiohttp.WSMsgType.BINARY:
                return bytes(message.data)
            case aiohttp.WSMsgType.TEXT:
                raise ProtocolError("the API server sent a text message")
            case aiohttp.WSMsgType.ERROR if isinstance(
                message.data, aiohttp.WebSocketError
            ):
                raise ProtocolError(f"broken WebSocket frame: {message.data}")
            case aiohttp.WSMsgType.CLOSE if message.data in _PROPER:
                # Not `close_code`: servers end the connection right behind the frame,
                # and what aiohttp then fails to answer overwrites it.
                self._is_over = True
                return None
        raise self._broken()

    def _broken(self) -> TransportError:
        match self._ws.exception():
            case TimeoutError():
                return TransportError("the stream is silent: its ping was not answered")
            case None | OSError() | aiohttp.ClientError():
                return TransportError("the stream was cut")
            case other:
                return TransportError(f"the stream broke: {other}")

    async def aclose(self) -> None:
        """Close it, within half a second; never raises."""
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await self._ws.close()


_PROPER = frozenset({aiohttp.WSCloseCode.OK, aiohttp.WSCloseCode.GOING_AWAY})

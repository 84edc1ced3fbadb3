"""The HTTP client: the only module that knows aiohttp.

Configuration and credentials are read by the `kubernetes` library (see `credentials`).
The session is our own: the library's reads `.netrc`, whose entry for a host would
clash with the token, and sends requests for this machine to a proxy.
"""

import asyncio
import contextlib
import socket
import weakref
from asyncio.trsock import TransportSocket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar
from urllib.parse import urlencode

import aiohttp
import anyio
from aiohttp.connector import Connection
from aiohttp.tracing import Trace
from anyio.lowlevel import checkpoint
from multidict import CIMultiDict
from yarl import URL

from syncd import __version__
from syncd.cluster import diagnosis
from syncd.cluster.credentials import Credentials, Identity
from syncd.cluster.failures import Answer, Unreachable
from syncd.cluster.kubeconfig import Context
from syncd.cluster.ports import Body, HandshakeRefused, Http, Params, Timing
from syncd.cluster.websocket import AiohttpSocket, keep_alive, keep_refusals, refused


_T = TypeVar("_T")

_MAX_MESSAGE = 32 * 2**20
_CLOSE_S = 0.25
"""How long to wait for the answer to a WebSocket's close: real servers need none."""

_FAILURES = (aiohttp.ClientError, OSError)  # time-outs and TLS are of the latter


def open_client(
    context: Context,
    reload: Callable[[], Context],
    proxy: str | None,
    timing: Timing,
) -> Http:
    """Return a client for the context. Nothing is sent, and no plugin run, yet.

    Args:
        context: What to reach, as pinned at start.
        reload: Reads the same context again from its files. Blocking.
        proxy: The proxy on the way, or None.
        timing: How long things may take.
    """
    return Client(context, Credentials(context, reload), proxy, timing)


class Client:
    """Requests to the API server of one context. It implements `ports.Http`.

    Args:
        context: What to reach.
        credentials: As whom.
        proxy: The proxy on the way, or None.
        timing: How long things may take.
    """

    def __init__(
        self,
        context: Context,
        credentials: Credentials,
        proxy: str | None,
        timing: Timing,
    ) -> None:
        self._context = context
        self._credentials = credentials
        self._timing = timing
        self._proxy = proxy
        self._server_name = context.cluster.get("tls-server-name")
        self._connector = _Connector()
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"syncd/{__version__}"},
            trace_configs=[keep_refusals()],
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close every connection."""
        self._connector.abort()
        await self._session.close()
        await checkpoint()  # and let the loop see them closed

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
        timeout = aiohttp.ClientTimeout(total=self._timing.request)
        async with await self._send(
            method, path, params, timeout, headers=headers, body=body
        ) as response:
            return await self._whole(response)

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, params: Params = (), *, idle_s: float | None = None
    ) -> AsyncIterator[Answer | Body]:
        """Open a GET whose answer goes on; see `ports.Http`."""
        timeout = aiohttp.ClientTimeout(total=None, sock_read=idle_s)
        await self._credentials.current()  # a plugin has a deadline of its own
        response = await self._in_time(self._send("GET", path, params, timeout))
        async with response:
            if response.status != 200:
                yield await self._in_time(self._whole(response))
                return
            keep_alive(response.connection and response.connection.transport)
            yield _Body(self, response)

    async def _in_time(self, work: Awaitable[_T]) -> _T:
        try:
            with anyio.fail_after(self._timing.connect):
                return await work
        except TimeoutError as exc:
            raise await self.unreachable(exc) from exc

    async def websocket(
        self, path: str, params: Params, protocols: Sequence[str]
    ) -> AiohttpSocket:
        """Open a WebSocket; see `ports.Http`."""
        identity = await self._credentials.current()
        try:
            return await self._upgrade(identity, path, params, protocols)
        except HandshakeRefused as exc:
            if exc.answer.status != 401:
                raise
        identity = await self._credentials.renewed(identity)
        try:
            return await self._upgrade(identity, path, params, protocols)
        except HandshakeRefused as exc:
            if exc.answer.status != 401:
                raise
            raise await diagnosis.unauthorized(self._context, identity) from None

    async def _upgrade(
        self,
        identity: Identity,
        path: str,
        params: Params,
        protocols: Sequence[str],
    ) -> AiohttpSocket:
        refused.set(None)
        try:
            with anyio.fail_after(self._timing.connect):
                ws = await self._session.ws_connect(
                    self._url(path, params),
                    protocols=protocols,
                    headers=CIMultiDict(identity.headers),
                    ssl=identity.tls,
                    proxy=self._proxy,
                    server_hostname=self._server_name,
                    heartbeat=self._timing.heartbeat,
                    timeout=aiohttp.ClientWSTimeout(ws_close=_CLOSE_S),
                    max_msg_size=_MAX_MESSAGE,
                )
        except aiohttp.WSServerHandshakeError as exc:
            answer = refused.get() or Answer(exc.status, exc.headers or {}, b"")
            raise HandshakeRefused(answer) from None
        except _FAILURES as exc:
            raise await self.unreachable(exc) from exc
        return AiohttpSocket(ws)

    async def _send(
        self,
        method: str,
        path: str,
        params: Params,
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - handed on to aiohttp
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
    ) -> aiohttp.ClientResponse:
        identity = await self._credentials.current()
        for last in (False, True):
            try:
                response = await self._session.request(
                    method,
                    self._url(path, params),
                    headers=CIMultiDict([*identity.headers, *(headers or {}).items()]),
                    data=body,
                    ssl=identity.tls,
                    proxy=self._proxy,
                    server_hostname=self._server_name,
                    timeout=timeout,
                    allow_redirects=False,
                )
            except _FAILURES as exc:
                raise await self.unreachable(exc) from exc
            if response.status != 401:
                return response
            response.close()
            if not last:
                identity = await self._credentials.renewed(identity)
        raise await diagnosis.unauthorized(self._context, identity)

    def _url(self, path: str, params: Params) -> URL:
        query = f"?{urlencode(params)}" if params else ""
        return URL(f"{self._context.server}{path}{query}", encoded=True)

    async def _whole(self, response: aiohttp.ClientResponse) -> Answer:
        try:
            body = await response.read()
        except _FAILURES as exc:
            raise await self.unreachable(exc) from exc
        return Answer(response.status, response.headers, body)

    async def unreachable(self, exc: BaseException) -> Unreachable:
        """Return what a failure of aiohttp means."""
        return await diagnosis.unreachable(self._context, exc, self._proxy)


class _Connector(aiohttp.TCPConnector):
    """Knows its connections as long as they live.

    aiohttp forgets a connection when it begins to close it. With TLS that takes until
    the peer has answered, and may outlive the session, and the loop.
    """

    def __init__(self) -> None:
        # Each exec stream holds a connection: a limit would stall the next one.
        super().__init__(limit=0)
        self._sockets = weakref.WeakKeyDictionary[asyncio.Transport, TransportSocket]()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the signature is aiohttp's
    ) -> Connection:
        """Return a connection for a request, and remember it."""
        connection = await super().connect(req, traces, timeout)
        transport = connection.transport
        if transport is not None and not transport.is_closing():
            self._sockets[transport] = transport.get_extra_info("socket")
        return connection

    def abort(self) -> None:
        """Close all connections at once, without the goodbyes of TLS."""
        for transport, its_socket in list(self._sockets.items()):
            if not transport.is_closing():
                transport.abort()
                continue
            # One that is closing may not know its connection any more: to abort it does
            # nothing, or fails (Python 3.11.2).
            with contextlib.suppress(OSError):  # it is closed
                its_socket.shutdown(socket.SHUT_RDWR)


class _Body:
    """The body of an answer that goes on."""

    def __init__(self, client: Client, response: aiohttp.ClientResponse) -> None:
        self._client = client
        self._response = response

    async def chunk(self) -> bytes:
        try:
            return await self._response.content.readany()
        except _FAILURES as exc:
            raise await self._client.unreachable(exc) from exc

    def abort(self) -> None:
        self._response.close()

"""The socket of the API server: TLS on 127.0.0.1, there and gone at will."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable

from aiohttp import web

from syncd.loopback.link import LINK, Link


HOST = "127.0.0.1"
# What the real server takes at most as the body of a write.
_MOST_BYTES = 3 * 1024 * 1024

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Serves a handler over HTTPS.

    Attributes:
        port: Where; chosen at the first start, and kept.
    """

    def __init__(self, handler: Handler, context: ssl.SSLContext, link: Link) -> None:
        self.port = 0
        self._context = context
        self._link = link
        app = web.Application(client_max_size=_MOST_BYTES)
        app[LINK] = link
        app.router.add_route("*", "/{path:.*}", handler)
        # A watch that nobody reads any more must end, hence the cancellation.
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The address of the API."""
        return f"https://{HOST}:{self.port}"

    async def start(self) -> None:
        """Listen; nothing happens if it does already."""
        if self._listener is not None:
            return
        if self._runner.server is None:
            await self._runner.setup()
        server = self._runner.server
        if server is None:
            raise RuntimeError("the runner has no server after its setup")
        self._listener = await asyncio.get_running_loop().create_server(
            self._link.wrap(server),
            HOST,
            self.port,
            ssl=self._context,
            reuse_address=True,
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection, as SIGKILL does."""
        if self._listener is None:
            return
        self._listener.close()
        self._listener = None
        self._link.cut()
        server = self._runner.server
        for connection in list(server.connections) if server else ():
            transport = connection.transport
            if transport is not None and not transport.is_closing():
                transport.abort()
        await asyncio.sleep(0)  # lets the cut reach the handlers

    async def close(self) -> None:
        """Stop for good."""
        await self.stop()
        self._link.close()
        await self._runner.cleanup()

"""The page, served on this machine to whoever may see it."""

import base64
import hashlib
import re
import socket
from collections.abc import Awaitable, Callable
from importlib.resources import files

import anyio
from aiohttp import web

from syncd.errors import ConfigError
from syncd.ui.dashboard.doors import Doors
from syncd.ui.dashboard.feed import Feed


HOST = "127.0.0.1"
BEAT_S = 15.0  # between signs of life where nothing happens
PACE_S = 0.1  # between two views, however much happens

_CLOSED = (
    "This page is open to the browser that followed the link of syncd dashboard, which is"
    " good for once.\nFor another browser, end syncd dashboard and start it again.\n"
)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def serve(feed: Feed, port: int, tell: Callable[[str], None]) -> None:
    """Serve the page until cancelled.

    Args:
        feed: What is shown; it is run here.
        port: Where; 0 for a free one.
        tell: Called with the link when it can be followed.

    Raises:
        ConfigError: If the port is taken.
    """
    listening = _listening(port)
    doors = Doors(listening.getsockname()[1])
    runner = web.AppRunner(
        _application(feed, doors),
        handler_cancellation=True,  # of a page that was closed
        access_log=None,
        shutdown_timeout=0.1,
    )
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        tell(f"http://{HOST}:{doors.port}/?token={doors.token}")
        await feed.run()
    finally:
        with anyio.move_on_after(2, shield=True):
            await runner.cleanup()


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise ConfigError(
            f"port {port} of {HOST} cannot be had: {error.strerror}",
            hint="leave --port out to have a free one",
        ) from error


def _application(feed: Feed, doors: Doors) -> web.Application:
    page = (files(__package__) / "page.html").read_text("utf-8")
    headers = {
        "Content-Security-Policy": _policy(page),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }

    @web.middleware
    async def guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.method != "GET":
            raise web.HTTPMethodNotAllowed(request.method, ["GET"])
        if not doors.knows(request.host):
            raise web.HTTPForbidden(text="This server has another name.\n")
        if doors.lets_in(request.cookies.get(doors.cookie, "")):
            return await handler(request)
        token = request.query.get("token", "")
        if request.path != "/" or not doors.redeem(token):
            raise web.HTTPForbidden(text=_CLOSED)
        response = await handler(request)
        response.set_cookie(doors.cookie, doors.key, httponly=True, samesite="Strict")
        return response

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html")

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_type = "text/event-stream"
        await response.prepare(request)
        await _send(feed, response)
        return response

    async def harden(_: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(headers)

    app = web.Application(middlewares=[guard])
    app.on_response_prepare.append(harden)
    app.router.add_get("/", show, allow_head=False)
    app.router.add_get("/events", stream, allow_head=False)
    return app


async def _send(feed: Feed, response: web.StreamResponse) -> None:
    """Send what is to be shown, now and whenever it changes, until the page goes."""
    version = -1
    while True:
        said = ":\n\n"  # a sign of life, which shows if the page is still there
        with anyio.move_on_after(BEAT_S):
            version = await feed.after(version)
            said = f"data: {feed.shown()}\n\n"
        await response.write(said.encode())
        await anyio.sleep(PACE_S)


def _policy(page: str) -> str:
    """Return what the page may do: run its own script, and ask this server."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash('script', page)}'",
            f"style-src '{_hash('style', page)}'",
            "connect-src 'self'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )


def _hash(element: str, page: str) -> str:
    found = re.search(f"<{element}>(.*?)</{element}>", page, re.DOTALL)
    assert found is not None, f"the page has a {element}"
    digest = hashlib.sha256(found[1].encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"

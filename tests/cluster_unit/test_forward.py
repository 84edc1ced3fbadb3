from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
import pytest
from aiohttp import web

from syncd.cluster import Forbidden, NotRunning, Timing, connect, forward
from syncd.errors import ProtocolError, SyncdError, TransportError
from tests.cluster_unit.server import serving, status, write_kubeconfig


Script = Callable[[web.WebSocketResponse], Awaitable[None]]
GREETING = (b"\x00\x90\x1f", b"\x01\x90\x1f")


class Forwarded:
    def __init__(self, port: int, errors: list[SyncdError]) -> None:
        self.port = port
        self.errors = errors

    async def ask(self, request: bytes) -> bytes:
        """Send it over a new connection; what came back until the end."""
        answer = b""
        with anyio.fail_after(5):
            async with await anyio.connect_tcp("127.0.0.1", self.port) as connection:
                await connection.send(request)
                async for chunk in connection:
                    answer += chunk
        return answer


@asynccontextmanager
async def forwarded(
    tmp_path: Path, script: Script, refusal: web.Response | None = None
) -> AsyncIterator[Forwarded]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        assert request.path == "/api/v1/namespaces/shop/pods/web-0/portforward"
        assert dict(request.query) == {"ports": "8080"}
        if refusal:
            return refusal
        ws = web.WebSocketResponse(protocols=["v4.channel.k8s.io"])
        await ws.prepare(request)
        for message in GREETING:
            await ws.send_bytes(message)
        await script(ws)
        await ws.close()
        return ws

    errors: list[SyncdError] = []
    async with serving(handle) as url:
        timing = Timing(request=5, connect=5)
        kubeconfig = write_kubeconfig(tmp_path, url)
        async with (
            connect(kubeconfig=kubeconfig, timing=timing, environ={}) as api,
            anyio.create_task_group() as tasks,
        ):
            forwarding = partial(
                forward, api, "shop", "web-0", 8080, on_error=errors.append
            )
            yield Forwarded(await tasks.start(forwarding), errors)
            tasks.cancel_scope.cancel()


async def shout(ws: web.WebSocketResponse) -> None:
    message = await ws.receive_bytes()
    assert message[:1] == b"\x00"
    await ws.send_bytes(message.upper())


async def test_a_connection_is_carried_there_and_back(tmp_path: Path) -> None:
    async with forwarded(tmp_path, shout) as forwarding:
        assert await forwarding.ask(b"hello") == b"HELLO"
        assert await forwarding.ask(b"again") == b"AGAIN"

    assert forwarding.errors == []


async def test_connections_are_carried_at_the_same_time(tmp_path: Path) -> None:
    arrived = anyio.Event()
    count = 0

    async def together(ws: web.WebSocketResponse) -> None:
        nonlocal count
        count += 1
        if count == 3:
            arrived.set()
        await arrived.wait()
        await shout(ws)

    async with (
        forwarded(tmp_path, together) as forwarding,
        anyio.create_task_group() as tasks,
    ):
        for _ in range(3):
            tasks.start_soon(forwarding.ask, b"x")


async def test_a_port_that_nobody_listens_on_is_said(tmp_path: Path) -> None:
    async def closed(ws: web.WebSocketResponse) -> None:
        await ws.send_bytes(b"\x01error forwarding port 8080: connection refused\n")

    async with forwarded(tmp_path, closed) as forwarding:
        assert await forwarding.ask(b"hello") == b""

    (error,) = forwarding.errors
    assert isinstance(error, TransportError)
    assert str(error) == "error forwarding port 8080: connection refused"


async def test_a_foreign_channel_breaks_the_protocol(tmp_path: Path) -> None:
    async def foreign(ws: web.WebSocketResponse) -> None:
        await ws.send_bytes(b"\x02x")

    async with forwarded(tmp_path, foreign) as forwarding:
        await forwarding.ask(b"hello")

    assert isinstance(forwarding.errors[0], ProtocolError)


@pytest.mark.parametrize(
    ("code", "message", "error"),
    [
        (404, 'pods "web-0" not found', NotRunning),
        (403, 'pods "web-0" is forbidden: ', Forbidden),
    ],
)
async def test_why_nothing_is_carried(
    tmp_path: Path, code: int, message: str, error: type[SyncdError]
) -> None:
    async with forwarded(tmp_path, shout, status(code, message)) as forwarding:
        assert await forwarding.ask(b"hello") == b""

    assert isinstance(forwarding.errors[0], error)
    if error is Forbidden:
        assert '"pods/portforward"' in forwarding.errors[0].hint


async def test_a_client_that_leaves_ends_its_stream(tmp_path: Path) -> None:
    ended = anyio.Event()

    async def wait(ws: web.WebSocketResponse) -> None:
        async for _ in ws:
            pass
        ended.set()

    async with forwarded(tmp_path, wait) as forwarding:
        async with await anyio.connect_tcp("127.0.0.1", forwarding.port) as connection:
            await connection.send(b"x")
        with anyio.fail_after(5):
            await ended.wait()

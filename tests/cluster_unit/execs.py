"""What the tests of exec share."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from syncd.cluster import (
    Api,
    ExecStream,
    Exit,
    Output,
    Replica,
    Timing,
    connect,
)
from syncd.cluster.channel import PROTOCOLS, V5
from tests.cluster_unit.server import serving, write_kubeconfig


WEB = Replica("shop", "web-0", "uid", "app", "containerd://1", "app:1", True, 0, "n1")
QUICK = Timing(request=5, connect=5)
SUCCESS = b'\x03{"metadata":{},"status":"Success"}'

Script = Callable[[web.WebSocketResponse], Awaitable[None]]


@asynccontextmanager
async def cluster(
    tmp_path: Path,
    script: Script,
    protocols: tuple[str, ...] = PROTOCOLS,
    refuse: Callable[[web.BaseRequest], web.Response | None] = lambda _: None,
    timing: Timing = QUICK,
    asked: list[web.BaseRequest] | None = None,
) -> AsyncIterator[Api]:
    """A cluster whose exec subresource follows a script."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        if asked is not None:
            asked.append(request)
        if refusal := refuse(request):
            return refusal
        ws = web.WebSocketResponse(protocols=protocols, autoping=False)
        await ws.prepare(request)
        await script(ws)
        await ws.close()
        return ws

    async with serving(handle) as url:
        kubeconfig = write_kubeconfig(tmp_path, url)
        async with connect(kubeconfig=kubeconfig, timing=timing, environ={}) as api:
            yield api


async def echo(ws: web.WebSocketResponse) -> None:
    """What `cat` does, with v5 as with v4."""
    await ws.send_bytes(b"\x01")
    async for message in ws:
        match message.data:
            case b"\xff\x00" if ws.ws_protocol == V5:
                await ws.send_bytes(SUCCESS)
                return
            case bytes(data) if data[:1] == b"\x00":
                await ws.send_bytes(b"\x01" + data[1:])


async def drained(stream: ExecStream) -> list[Output | Exit]:
    events = []
    while True:
        events.append(await stream.receive())
        if isinstance(events[-1], Exit):
            return events

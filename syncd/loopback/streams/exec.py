"""`pods/exec` and `pods/attach`."""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from syncd.loopback.dialect import Dialect
from syncd.loopback.kubelet.container import Container
from syncd.loopback.network.wire import Kind, mark
from syncd.loopback.node import ContainerNotFound, Node
from syncd.loopback.runtime import stdio
from syncd.loopback.runtime.client import StartFailed
from syncd.loopback.streams import channels, upgrade
from syncd.loopback.streams.command import Command, Task, Wanted
from syncd.loopback.streams.connection import Verbatim
from syncd.loopback.streams.spdy_command import SpdyCommand
from syncd.loopback.streams.upgrade import Refused


Start = Callable[[Container, Wanted], Awaitable[Task]]


async def serve_exec(
    request: web.Request, node: Node, pod: Mapping[str, Any], dialect: Dialect
) -> web.StreamResponse:
    """Run a command in a container of `pod`.

    Raises:
        ApiError: If the request is refused before it gets to the node.
    """
    argv = request.query.getall("command", [])

    async def start(container: Container, wanted: Wanted) -> Task:
        return await _start(node, container, argv, wanted)

    return await _serve(request, node, pod, dialect, start, "exec")


async def serve_attach(
    request: web.Request, node: Node, pod: Mapping[str, Any], dialect: Dialect
) -> web.StreamResponse:
    """Join the client to a container's first process.

    Raises:
        ApiError: If the request is refused before it gets to the node.
    """
    return await _serve(request, node, pod, dialect, _attach, "attach")


async def _serve(
    request: web.Request,
    node: Node,
    pod: Mapping[str, Any],
    dialect: Dialect,
    start: Start,
    kind: Kind,
) -> web.StreamResponse:
    mark(request, kind)
    name = upgrade.container_of(pod, request.query.get("container"))
    upgrade.check_bound(pod)
    upgrade.check_upgrade(request)
    try:
        wanted = _wanted(request)
        container = _running(node, pod, name)
        command = _command(request, dialect)
    except Refused as refusal:
        return refusal.response
    await command.run(wanted, functools.partial(start, container, wanted))
    return Verbatim()


def _command(request: web.Request, dialect: Dialect) -> Command | SpdyCommand:
    if upgrade.wants_spdy(request):
        session = upgrade.spdy(request, channels.V4.name)
        return SpdyCommand(session, dialect)
    connection, protocol = upgrade.websocket(
        request, channels.Endpoint.COMMAND, dialect
    )
    return Command(connection, protocol, dialect)


def _wanted(request: web.Request) -> Wanted:
    def asked(name: str) -> bool:
        return request.query.get(name, "").lower() in ("true", "1")

    wanted = Wanted(asked("stdin"), asked("stdout"), asked("stderr"), asked("tty"))
    if not (wanted.stdin or wanted.stdout or wanted.stderr):
        raise upgrade.plain(400, "you must specify at least 1 of stdin, stdout, stderr")
    return wanted


def _running(node: Node, pod: Mapping[str, Any], name: str) -> Container:
    try:
        return node.running(pod["metadata"]["uid"], name)
    except ContainerNotFound as error:
        raise upgrade.plain(500, str(error)) from None


async def _start(
    node: Node, container: Container, argv: list[str], wanted: Wanted
) -> Task:
    if wanted.tty:
        streams = stdio.terminal(stdin=wanted.stdin)
    else:
        streams = stdio.pipes(
            stdin=wanted.stdin, stdout=wanted.stdout, stderr=wanted.stderr
        )
    started = await container.exec(argv, streams)
    feed = stdio.Feed(streams) if wanted.stdin else None
    release = node.keep(started, feed)

    async def ended() -> int:
        await started.process.ended.wait()
        return started.process.code

    def leave(kill: bool) -> None:  # noqa: FBT001 -- the one thing it is told
        if kill:
            started.process.kill()
        elif feed:
            feed.end()
        release()

    return Task(
        argv=argv,
        feed=feed,
        outputs=_outputs(streams, wanted),
        ended=ended,
        resize=_resizer(streams.stdout) if wanted.tty else None,
        leave=leave,
    )


def _outputs(
    streams: stdio.Stdio, wanted: Wanted
) -> dict[int, Callable[[], Awaitable[bytes]]]:
    found: dict[int, Callable[[], Awaitable[bytes]]] = {}
    if streams.stdout is not None and wanted.stdout:
        found[channels.STDOUT] = functools.partial(stdio.read, streams.stdout)
    if streams.stderr is not None:
        found[channels.STDERR] = functools.partial(stdio.read, streams.stderr)
    return found


def _resizer(fd: int | None) -> Callable[[int, int], None] | None:
    return functools.partial(stdio.resize, fd) if fd is not None else None


async def _attach(container: Container, wanted: Wanted) -> Task:
    process = container.process
    if process is None:
        raise StartFailed("container not running")
    queues: dict[int, asyncio.Queue[bytes]] = {}
    if wanted.stdout:
        queues[channels.STDOUT] = asyncio.Queue()
    if wanted.stderr and not wanted.tty:
        queues[channels.STDERR] = asyncio.Queue()

    def hear(channel: int, data: bytes) -> None:
        if channel in queues:
            queues[channel].put_nowait(data)

    async def ended() -> int:
        await process.ended.wait()
        container.listeners.discard(hear)
        return 0  # of attaching, which went well

    container.listeners.add(hear)
    return Task(
        argv=(),
        feed=container.stdin if wanted.stdin else None,
        outputs={channel: queue.get for channel, queue in queues.items()},
        ended=ended,
        resize=_resizer(container.terminal),
        leave=lambda _: container.listeners.discard(hear),
    )

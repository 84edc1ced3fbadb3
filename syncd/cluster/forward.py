"""A port of a Pod, on this machine.

Over WebSocket, `v4.channel.k8s.io`: each connection is a WebSocket of its own. Channel
0 carries data and channel 1 an error text; each begins with a message that holds the
port. There is no word for half a close, so the first side to close ends both.
"""

from collections.abc import Callable

import anyio
from anyio.abc import SocketAttribute, SocketStream, TaskStatus

from syncd.cluster.api import Api
from syncd.cluster.channel import V4
from syncd.cluster.exec import ensure_agreed
from syncd.cluster.failures import Asked, NotFound, NotRunning, refusal
from syncd.cluster.ports import HandshakeRefused, Socket
from syncd.cluster.tasks import task_group
from syncd.errors import ProtocolError, SyncdError, TransportError


_CHUNK = 65536


async def forward(
    api: Api,
    namespace: str,
    pod: str,
    port: int,
    *,
    local_port: int = 0,
    on_error: Callable[[SyncdError], None] = lambda _: None,
    task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Listen on 127.0.0.1 and carry each connection to `port` of the Pod.

    Runs until cancelled. Start it with `TaskGroup.start`, which returns the local port.

    Args:
        api: The cluster.
        namespace: Of the Pod.
        pod: Its name.
        port: Where the program in it listens.
        local_port: Where to listen here; 0 takes a free port.
        on_error: Told why a connection failed; the others go on.
        task_status: Told the local port.
    """

    async def carry(connection: SocketStream) -> None:
        async with connection:
            try:
                await _carry(api, namespace, pod, port, connection)
            except SyncdError as error:
                on_error(error)

    listener = await anyio.create_tcp_listener(
        local_host="127.0.0.1", local_port=local_port
    )
    async with listener:
        port_here = listener.extra(SocketAttribute.local_port)  # noqa: S610 - no Django
        task_status.started(port_here)
        await listener.serve(carry)


async def _carry(
    api: Api, namespace: str, pod: str, port: int, connection: SocketStream
) -> None:
    path = f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward"
    try:
        socket = await api.websocket(path, [("ports", str(port))], [V4])
    except HandshakeRefused as refused:
        asked = Asked("create", "pods/portforward", "", namespace, pod)
        error = refusal(asked, refused.answer)
        raise NotRunning(str(error)) if isinstance(error, NotFound) else error from None
    await ensure_agreed(socket, [V4])
    try:
        async with task_group() as tasks:
            tasks.start_soon(_upwards, connection, socket, tasks.cancel_scope)
            await _downwards(socket, connection)
            tasks.cancel_scope.cancel()
    finally:
        await socket.aclose()


async def _upwards(
    connection: SocketStream, socket: Socket, scope: anyio.CancelScope
) -> None:
    try:
        while True:
            await socket.send(b"\x00" + await connection.receive(_CHUNK))
    except (anyio.EndOfStream, anyio.BrokenResourceError):
        scope.cancel()


async def _downwards(socket: Socket, connection: SocketStream) -> None:
    greeted = set()
    while (message := await socket.receive()) is not None:
        channel, payload = message[:1], message[1:]
        if channel not in {b"\x00", b"\x01"}:
            raise ProtocolError(f"a port-forward message on channel {channel!r}")
        if channel not in greeted:
            greeted.add(channel)
        elif channel == b"\x01":
            raise TransportError(payload.decode("utf-8", "replace").strip())
        else:
            try:
                await connection.send(payload)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return

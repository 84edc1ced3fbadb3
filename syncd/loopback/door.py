"""A fixed address for a workload of the embedded cluster, as a Service has."""

from collections.abc import Callable

import anyio
from anyio.abc import (
    ByteReceiveStream,
    ByteSendStream,
    SocketAttribute,
    SocketStream,
    TaskStatus,
)


async def serve(
    backend: Callable[[], tuple[str, int] | None],
    *,
    port: int = 0,
    task_status: TaskStatus[int] = anyio.TASK_STATUS_IGNORED,
) -> None:
    """Listen on 127.0.0.1 and carry each connection to what `backend` names then.

    Runs until cancelled. Start it with `TaskGroup.start`, which returns the port. A
    connection for which there is no backend is closed.
    """

    async def carry(client: SocketStream) -> None:
        address = backend()
        async with client:
            if address is None:
                return
            try:
                async with await anyio.connect_tcp(*address) as server:
                    await _both_ways(client, server)
            except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                return  # one side went: so does the other

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
    async with listener:
        here = listener.extra(SocketAttribute.local_port)  # noqa: S610  # no Django
        task_status.started(here)
        await listener.serve(carry)


async def _both_ways(one: SocketStream, other: SocketStream) -> None:
    async with anyio.create_task_group() as tasks:

        async def pump(source: ByteReceiveStream, sink: ByteSendStream) -> None:
            async for data in source:
                await sink.send(data)
            tasks.cancel_scope.cancel()

        tasks.start_soon(pump, one, other)
        await pump(other, one)

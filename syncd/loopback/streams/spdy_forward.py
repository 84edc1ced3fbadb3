"""Port-forward over SPDY: a pair of streams for each connection to a port."""

from contextlib import aclosing
from dataclasses import dataclass, field

import anyio
from anyio.abc import SocketStream, TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from syncd.loopback.streams.forward import PIECE, refused
from syncd.loopback.streams.session import Session
from syncd.loopback.streams.spdy import Opened, Received, Reset


@dataclass(slots=True)
class _Pair:
    """One connection: its data goes one way, its errors another."""

    port: int
    streams: dict[str, int] = field(default_factory=dict)
    inbox: MemoryObjectSendStream[bytes] | None = None


class SpdyForward:
    """Forwards ports of one Pod for one client."""

    def __init__(self, session: Session, host: str) -> None:
        self._session = session
        self._host = host
        self._pairs: dict[str, _Pair] = {}

    async def run(self) -> None:
        """Serve until the client goes."""
        async with (
            anyio.create_task_group() as tasks,
            aclosing(self._session.events()) as events,
        ):
            async for event in events:
                match event:
                    case Opened():
                        self._open(event, tasks)
                    case Received(stream, data, last):
                        await self._take(stream, data, last=last)
                    case Reset(stream):
                        self._hang_up(stream)
                    case _:
                        pass
            tasks.cancel_scope.cancel()
        self._session.close()

    def _open(self, event: Opened, tasks: TaskGroup) -> None:
        self._session.accept(event.stream)
        number = event.headers.get("requestid", "")
        port = event.headers.get("port", "0")
        pair = self._pairs.setdefault(number, _Pair(int(port) if port.isdigit() else 0))
        pair.streams[event.headers.get("streamtype", "")] = event.stream
        if pair.streams.keys() >= {"data", "error"} and pair.inbox is None:
            pair.inbox, taken = anyio.create_memory_object_stream[bytes](16)
            tasks.start_soon(self._serve, number, pair, taken)

    async def _take(self, stream: int, data: bytes, *, last: bool) -> None:
        pair = self._pair_of(stream)
        if pair is None or pair.inbox is None or stream != pair.streams["data"]:
            return
        try:
            if data:
                await pair.inbox.send(data)
        except anyio.BrokenResourceError:
            return  # the port was closed
        if last:
            pair.inbox.close()

    def _hang_up(self, stream: int) -> None:
        if (pair := self._pair_of(stream)) and pair.inbox:
            pair.inbox.close()

    def _pair_of(self, stream: int) -> _Pair | None:
        every = self._pairs.values()
        return next((pair for pair in every if stream in pair.streams.values()), None)

    async def _serve(
        self, number: str, pair: _Pair, taken: MemoryObjectReceiveStream[bytes]
    ) -> None:
        error = b""
        with taken:
            try:
                async with await anyio.connect_tcp(self._host, pair.port) as socket:
                    await self._join(pair, socket, taken)
            except OSError:
                error = refused(pair.port).encode()
        if pair.inbox:
            pair.inbox.close()
        self._session.end(pair.streams["data"])
        self._session.end(pair.streams["error"], error)
        del self._pairs[number]

    async def _join(
        self,
        pair: _Pair,
        socket: SocketStream,
        taken: MemoryObjectReceiveStream[bytes],
    ) -> None:
        async def forward() -> None:
            try:
                async for data in taken:
                    await socket.send(data)
                await socket.send_eof()
            except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                return

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(forward)
            try:
                while True:
                    data = await socket.receive(PIECE)
                    await self._session.send(pair.streams["data"], data)
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                tasks.cancel_scope.cancel()

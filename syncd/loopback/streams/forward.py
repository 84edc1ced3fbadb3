"""Port-forward over a WebSocket with channels."""

import secrets
import struct

import anyio
from anyio.abc import SocketStream

from syncd.loopback.streams.channels import Data, Protocol
from syncd.loopback.streams.connection import Connection
from syncd.loopback.streams.frames import FrameReader, Opcode, close_frame, frame


PIECE = 32 * 1024


class Forward:
    """Ports of one Pod over one WebSocket: for each, a data and an error channel."""

    def __init__(
        self, connection: Connection, protocol: Protocol, host: str, ports: list[int]
    ) -> None:
        self._connection = connection
        self._protocol = protocol
        self._host = host
        self._ports = ports
        self._streams: dict[int, SocketStream] = {}

    async def run(self) -> None:
        """Forward until the client or all that it talks to is gone."""
        for index, port in enumerate(self._ports):
            number = struct.pack("<H", port)
            self._write(2 * index, number)
            self._write(2 * index + 1, number)
        try:
            async with anyio.create_task_group() as tasks:
                for index, port in enumerate(self._ports):
                    await self._connect(index, port)
                tasks.start_soon(self._listen, tasks.cancel_scope)
                async with anyio.create_task_group() as reading:
                    for channel, stream in self._streams.items():
                        reading.start_soon(self._forward, channel, stream)
                self._connection.write(close_frame(1000))
                tasks.cancel_scope.cancel()
        finally:
            self._connection.close()
            for stream in self._streams.values():
                await anyio.aclose_forcefully(stream)

    async def _connect(self, index: int, port: int) -> None:
        try:
            stream = await anyio.connect_tcp(self._host, port)
        except OSError:
            self._write(2 * index + 1, refused(port).encode())
        else:
            self._streams[2 * index] = stream

    async def _forward(self, channel: int, stream: SocketStream) -> None:
        try:
            while True:
                data = await stream.receive(PIECE)
                await self._connection.send(self._protocol.encode(channel, data))
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return

    async def _listen(self, scope: anyio.CancelScope) -> None:
        reader = FrameReader()
        try:
            while data := await self._connection.receive():
                reader.feed(data)
                while received := reader.next():
                    if received.opcode == Opcode.CLOSE:
                        self._connection.write(close_frame(1000))
                        return
                    if received.opcode == Opcode.PING:
                        pong = frame(Opcode.PONG, received.payload)
                        await self._connection.send(pong)
                    elif received.opcode != Opcode.PONG:
                        await self._take(received.payload)
        except ConnectionResetError:
            return
        finally:
            scope.cancel()

    async def _take(self, message: bytes) -> None:
        match self._protocol.decode(message):
            case Data(channel, data) if stream := self._streams.get(channel):
                try:
                    await stream.send(data)
                except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                    return  # its reader tells the client
            case _:
                pass

    def _write(self, channel: int, data: bytes) -> None:
        self._connection.write(self._protocol.encode(channel, data))


def refused(port: int) -> str:
    """What the error channel says of a port that nobody listens on."""
    sandbox = secrets.token_hex(32)
    namespace = "-".join(secrets.token_hex(n) for n in (4, 2, 2, 2, 6))
    return (
        f"error forwarding port {port} to pod {sandbox}, uid : failed to execute "
        f'portforward in network namespace "/var/run/netns/cni-{namespace}": failed to '
        f'connect to localhost:{port} inside namespace "{sandbox}", IPv4: dial tcp4 '
        f"127.0.0.1:{port}: connect: connection refused IPv6 dial tcp6: address "
        "localhost: no suitable address found "
    )

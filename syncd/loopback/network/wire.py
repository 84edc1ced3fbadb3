"""A connection between client and server that can be slowed, stalled and cut."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable, Iterable
from typing import Any, Literal

from aiohttp import web

from syncd.loopback.network.lane import Lane, Shape


Direction = Literal["up", "down"]
Kind = Literal["api", "exec", "attach", "log", "portforward"]


class Wire(asyncio.Protocol):
    """One connection.

    Attributes:
        kind: What it is used for.
        path: Of its newest request that is a stream.
    """

    kind: Kind = "api"
    path: str = ""

    def __init__(
        self, wires: set["Wire"], inner: asyncio.BaseProtocol, shape: Shape | None
    ) -> None:
        self._wires = wires
        self._inner: Any = inner
        self._lost = False
        self._told = False
        self._left: dict[str, int] = {}
        self._up = Lane(self._arrive, self._press_client)
        self._down = Lane(self._depart, self._press_server)
        self._up.shape = self._down.shape = shape
        if shape is not None:
            self._up.late(2 * shape.rtt_s)
        self._pressures: set[str] = set()
        self._pauses: set[str] = set()
        self._real: asyncio.Transport
        self._view: _View

    # What the real transport says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        assert isinstance(transport, asyncio.Transport)
        self._real = transport
        self._view = _View(self)
        self._wires.add(self)
        self._inner.connection_made(self._view)

    def data_received(self, data: bytes) -> None:
        """Take bytes of the client."""
        self._count("up", data, self._up.push)

    def eof_received(self) -> bool:
        """Take the client's end."""
        if self._up.deaf:
            # TLS has no half a close: its transport ends, whatever is said here.
            return self._real.get_extra_info("sslcontext") is None
        self._up.then(self._tell_eof)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the connection's end; a server that cannot know is not told."""
        self._lost = True
        if not self._up.deaf:
            self._up.then(lambda: self._tell_lost(exc))

    def pause_writing(self) -> None:
        """Make the server wait."""
        self._press("client", on=True)

    def resume_writing(self) -> None:
        """Let the server go on."""
        self._press("client", on=False)

    # Faults.

    def cut(self) -> None:
        """Reset it."""
        with contextlib.suppress(OSError, AttributeError):
            plain = self._real.get_extra_info("socket")
            linger = struct.pack("ii", 1, 0)
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.drop()

    def drop(self) -> None:
        """End it at once."""
        for lane in (self._up, self._down):
            lane.clear()
            lane.deaf = False
            lane.release()
        self._real.abort()
        if self._lost:
            asyncio.get_running_loop().call_soon(self._tell_lost, None)

    def cut_after(self, count: int, direction: Direction) -> None:
        """Reset it once so many more bytes went a way."""
        self._left[direction] = count

    def stall(self) -> None:
        """Hold back all that either side sends."""
        self._up.hold()
        self._down.hold()

    def resume(self) -> None:
        """Hand on what was held back, and all that comes."""
        for lane in (self._down, self._up):
            lane.deaf = False
            lane.release()
        if self._lost:
            self._up.then(lambda: self._tell_lost(None))

    def half_open(self) -> None:
        """Lose all that either side sends."""
        self._up.deaf = self._down.deaf = True

    def shape(self, shape: Shape | None) -> None:
        """Make it as slow as this."""
        self._up.shape = self._down.shape = shape

    # Between the two.

    def _count(self, way: str, data: bytes, push: Callable[[bytes], None]) -> None:
        left = self._left.get(way)
        if left is None:
            push(data)
            return
        self._left[way] = left - len(data)
        push(data[: max(left, 0)])
        if left <= len(data):
            self._left.clear()
            lane = self._up if way == "up" else self._down
            lane.then(self.cut)

    def _arrive(self, data: bytes) -> None:
        if not self._told:
            self._inner.data_received(data)

    def _depart(self, data: bytes) -> None:
        if not self._lost:
            self._real.write(data)

    def _tell_eof(self) -> None:
        if not self._told and not self._inner.eof_received():
            self.close()

    def _tell_lost(self, exc: Exception | None) -> None:
        if not self._told:
            self._told = True
            self._inner.connection_lost(exc)
        if self._lost:
            self._wires.discard(self)

    def _press_client(self, on: bool) -> None:  # noqa: FBT001 -- on or off
        self.pause("lane", on=on)

    def _press_server(self, on: bool) -> None:  # noqa: FBT001 -- on or off
        self._press("lane", on=on)

    def _press(self, who: str, *, on: bool) -> None:
        before = bool(self._pressures)
        (self._pressures.add if on else self._pressures.discard)(who)
        if before != bool(self._pressures) and not self._told:
            (self._inner.pause_writing if on else self._inner.resume_writing)()

    # What the server asks for, through its view.

    def send(self, data: bytes) -> None:
        """Send to the client."""
        self._count("down", data, self._down.push)

    def close(self) -> None:
        """Close, once all is sent; a client that hears nothing is not told either."""
        if self._down.deaf or self._lost:
            asyncio.get_running_loop().call_soon(self._tell_lost, None)
        else:
            self._down.then(self._real.close)

    def pause(self, who: str, *, on: bool) -> None:
        """Read no more, or read again, when nobody minds."""
        before = bool(self._pauses)
        (self._pauses.add if on else self._pauses.discard)(who)
        if before != bool(self._pauses) and not self._lost:
            (self._real.pause_reading if on else self._real.resume_reading)()

    def serve(self, inner: asyncio.BaseProtocol) -> None:
        """Let another protocol go on from here."""
        self._inner = inner
        if self._pressures:
            self._inner.pause_writing()


class _View(asyncio.Transport):
    """The transport that the server sees."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._closing = False
        self.wire = wire

    @property
    def _real(self) -> asyncio.Transport:
        return self.wire._real  # noqa: SLF001 -- one thing in two halves

    def get_extra_info(self, name: str, default: object = None) -> Any:  # noqa: ANN401 -- asyncio's
        return self._real.get_extra_info(name, default)

    def is_closing(self) -> bool:
        return self._closing or self._real.is_closing()

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self.wire.close()

    def abort(self) -> None:
        self._closing = True
        self.wire.drop()

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.wire.serve(protocol)

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.wire._inner  # type: ignore[no-any-return] # noqa: SLF001 -- one thing

    def pause_reading(self) -> None:
        self.wire.pause("server", on=True)

    def resume_reading(self) -> None:
        self.wire.pause("server", on=False)

    def is_reading(self) -> bool:
        return self._real.is_reading()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if not self._closing:
            self.wire.send(bytes(data))

    def writelines(self, list_of_data: Iterable[Any]) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return self._real.get_write_buffer_size()

    def set_write_buffer_limits(
        self, high: int | None = None, low: int | None = None
    ) -> None:
        self._real.set_write_buffer_limits(high, low)


def mark(request: web.Request, kind: Kind) -> None:
    """Note what a connection is used for, if it goes through a link."""
    if isinstance(request.transport, _View):
        request.transport.wire.kind = kind
        request.transport.wire.path = request.path

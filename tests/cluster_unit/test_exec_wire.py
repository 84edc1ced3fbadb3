import base64
import hashlib
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from aiohttp import web
from anyio.abc import SocketStream
from anyio.streams.tls import TLSStream

from syncd.cluster import (
    Api,
    Timing,
    Unreachable,
    connect,
    open_exec,
)
from syncd.errors import ProtocolError, TransportError
from tests.cluster_unit.execs import QUICK, WEB
from tests.cluster_unit.server import server_tls, serving, write_kubeconfig


class RawServer:
    """Shakes hands over TLS, and then leaves the frames to the test."""

    def __init__(self, says: bytes = b"", *, ends: bool = False) -> None:
        self.received = bytearray()
        self.reads = True
        self.says = says
        self.ends = ends
        self.gone = anyio.Event()

    async def handle(self, stream: SocketStream) -> None:
        tls = await TLSStream.wrap(
            stream,
            server_side=True,
            ssl_context=server_tls(),
            standard_compatible=False,
        )
        async with tls:
            head = await tls.receive()
            key = head.split(b"Sec-WebSocket-Key: ")[1].split(b"\r\n")[0]
            magic = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
            accept = base64.b64encode(hashlib.sha1(key + magic).digest())
            await tls.send(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                b"Connection: Upgrade\r\nSec-WebSocket-Accept: " + accept + b"\r\n"
                b"Sec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n"
            )
            await tls.send(self.says)
            if self.ends:
                await stream.aclose()
                return
            while self.reads:
                try:
                    self.received += await tls.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    break
            else:
                await anyio.sleep_forever()
        self.gone.set()


@asynccontextmanager
async def raw(tmp_path: Path, server: RawServer) -> AsyncIterator[Api]:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, server.handle)
        kubeconfig = write_kubeconfig(tmp_path, f"https://127.0.0.1:{port}")
        async with connect(kubeconfig=kubeconfig, timing=QUICK, environ={}) as api:
            yield api
        tasks.cancel_scope.cancel()


def frames(received: bytes) -> list[tuple[int, int, bytes]]:
    """First byte, length and start of the payload of each frame."""
    found, at = [], 0
    while at < len(received):
        size, at_mask = received[at + 1] & 0x7F, at + 2
        if size == 126:
            (size,) = struct.unpack_from("!H", received, at + 2)
            at_mask = at + 4
        elif size == 127:
            (size,) = struct.unpack_from("!Q", received, at + 2)
            at_mask = at + 10
        mask = received[at_mask : at_mask + 4]
        body = received[at_mask + 4 : at_mask + 4 + min(size, 4)]
        start = bytes(a ^ b for a, b in zip(body, mask, strict=False))
        found.append((received[at], size, start))
        at = at_mask + 4 + size
    return found


async def test_a_message_is_one_unfragmented_frame(tmp_path: Path) -> None:
    server = RawServer()
    async with raw(tmp_path, server) as api:
        async with open_exec(api, WEB, ["cat"]) as stream:
            await stream.send(bytes(2**20 + 10))
            await stream.close_stdin()
        await server.gone.wait()

    binary = 0x80 | 0x2
    assert frames(bytes(server.received))[:3] == [
        (binary, 2**20, b"\0\0\0\0"),
        (binary, 12, b"\0\0\0\0"),
        (binary, 2, b"\xff\0"),
    ]


async def test_sending_waits_for_a_peer_that_does_not_read(tmp_path: Path) -> None:
    server = RawServer()
    server.reads = False
    async with raw(tmp_path, server) as api:
        with anyio.fail_after(10):
            async with open_exec(api, WEB, ["cat"]) as stream:
                with anyio.move_on_after(0.3) as sending:
                    for _ in range(100):
                        await stream.send(bytes(2**20))

    assert sending.cancelled_caught


async def test_a_stalled_stream_is_closed_when_cancelled(
    tmp_path: Path,
) -> None:
    server = RawServer()
    server.reads = False
    async with raw(tmp_path, server) as api:
        with anyio.fail_after(5), anyio.move_on_after(0.2) as sending:
            async with open_exec(api, WEB, ["cat"]) as stream:
                while True:
                    await stream.send(bytes(2**20))

    assert sending.cancelled_caught


async def test_a_handshake_that_is_not_answered_is_given_up(tmp_path: Path) -> None:
    async def silent(_request: web.BaseRequest) -> web.Response:
        await anyio.sleep_forever()
        raise AssertionError

    async with serving(silent) as url:
        kubeconfig = write_kubeconfig(tmp_path, url)
        timing = Timing(connect=0.1)
        async with connect(kubeconfig=kubeconfig, timing=timing, environ={}) as api:
            with pytest.raises(Unreachable, match="no answer in time"):
                async with open_exec(api, WEB, ["cat"]):
                    pass


@pytest.mark.parametrize(
    "frame",
    [b"\x83\x00", b"\xf2\x00", b"\x82\x7f\x00\x00\x00\x00\x7f\xff\xff\xff"],
    ids=["unknown opcode", "reserved bits", "too long"],
)
async def test_a_broken_frame_breaks_the_protocol(tmp_path: Path, frame: bytes) -> None:
    async with (
        raw(tmp_path, RawServer(frame)) as api,
        open_exec(api, WEB, ["cat"]) as stream,
    ):
        with pytest.raises(ProtocolError, match="broken WebSocket frame"):
            await stream.receive()


@pytest.mark.parametrize("ends", [True, False])
async def test_a_stream_that_the_server_closes_is_ended(
    tmp_path: Path, ends: bool
) -> None:
    close = b"\x88\x02\x03\xe8"
    async with (
        raw(tmp_path, RawServer(close, ends=ends)) as api,
        open_exec(api, WEB, ["cat"]) as stream,
    ):
        for _ in range(2):
            with pytest.raises(TransportError, match="the stream ended"):
                await stream.receive()

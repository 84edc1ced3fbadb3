"""SPDY: kubectl's recorded bytes, and whole sessions by a client of a few lines."""

import asyncio
import json
import struct
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest

from syncd.loopback.streams.spdy import (
    DICTIONARY,
    Opened,
    Ping,
    Received,
    Reset,
    Spdy,
    SpdyError,
)

from .lab import WAIT_S, open_lab
from .rawclient import WEBSOCKET, Talk, exec_path, talk


WAIT = ("sh", "-c", "while :; do sleep 9; done")
TUNNEL = "SPDY/3.1+portforward.k8s.io"

# What kubectl 1.32 sends to open the first stream of a port-forward.
OPENING = bytes.fromhex(
    "800300010000003e00000001000000000000"
    "78f9e3c6a7c202253a703a2b294a4dcc851625aca9a0808614cb45e01c60616061c0c0c0c0590489"
    "c64c50f2663400000000ffff"
)


def test_the_dictionary_is_the_one_that_the_protocol_names() -> None:
    assert zlib.adler32(DICTIONARY) == 0xE3C6A7C2


def test_a_recorded_stream_is_opened_and_accepted() -> None:
    session = Spdy()

    (opened,) = session.receive(OPENING)

    assert opened == Opened(
        1, {"streamtype": "error", "port": "8080", "requestid": "0"}
    )
    assert accepted(session.accept(1)) == (0x80030002, 1, bytes(4))


def accepted(frame: bytes) -> tuple[int, int, bytes]:
    kind, length, stream = struct.unpack(">III", frame[:12])
    assert length == len(frame) - 8
    return kind, stream, zlib.decompressobj(zdict=DICTIONARY).decompress(frame[12:])


def test_bytes_may_come_one_by_one() -> None:
    session = Spdy()

    events = [event for byte in OPENING for event in session.receive(bytes((byte,)))]

    assert len(events) == 1


def test_other_frames() -> None:
    data = struct.pack(">II", 3, 1 << 24 | 2) + b"hi"
    reset = struct.pack(">HHIII", 0x8003, 3, 8, 3, 5)
    ping = struct.pack(">HHII", 0x8003, 6, 4, 9)
    window = struct.pack(">HHIII", 0x8003, 9, 8, 3, 100)

    events = list(Spdy().receive(data + window + reset + ping))

    assert events == [Received(3, b"hi", last=True), Reset(3), Ping(9)]


@pytest.mark.parametrize(
    "junk",
    [
        struct.pack(">HHI", 0x8003, 1, 14) + bytes(14),
        struct.pack(">HHI", 0x8003, 3, 1) + b"x",
        struct.pack(">HHI", 0x8003, 6, 0),
    ],
)
def test_junk_is_said_to_be_none(junk: bytes) -> None:
    with pytest.raises(SpdyError):
        list(Spdy().receive(junk))


@dataclass
class Client:
    """A SPDY client, over TCP or over a WebSocket."""

    talk: Talk
    tunnel: bool = False
    streams: dict[int, bytes] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    _deflate: "zlib._Compress" = field(
        default_factory=lambda: zlib.compressobj(zdict=DICTIONARY)
    )
    _inbox: bytes = b""

    def write(self, data: bytes) -> None:
        if self.tunnel:
            self.talk.send("binary", data)
        else:
            self.talk.writer.write(data)

    def open(self, stream: int, **headers: str) -> None:
        words = [word.encode() for pair in headers.items() for word in pair]
        block = struct.pack(">I", len(headers))
        block += b"".join(struct.pack(">I", len(word)) + word for word in words)
        packed = self._deflate.compress(block) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        payload = struct.pack(">IIH", stream, 0, 0) + packed
        self.write(struct.pack(">HHI", 0x8003, 1, len(payload)) + payload)

    def send(self, stream: int, data: bytes, *, last: bool = False) -> None:
        self.write(Spdy().send(stream, data, last=last))

    async def read(self) -> bool:
        if self.tunnel:
            kind, data = await self.talk.next()
            data = data if kind == "binary" else b""
        else:
            data = await self.talk.reader.read(65536)
        self._inbox += data
        while len(self._inbox) >= 8:
            first, second = struct.unpack(">II", self._inbox[:8])
            end = 8 + (second & 0xFFFFFF)
            if len(self._inbox) < end:
                break
            if not first >> 31:
                text = self.streams.get(first, b"") + self._inbox[8:end]
                self.streams[first] = text
                if second >> 24:
                    self.ended.add(first)
            self._inbox = self._inbox[end:]
        return bool(data)

    async def until(self, stream: int, text: bytes) -> None:
        with anyio.fail_after(WAIT_S):
            while text not in self.streams.get(stream, b""):
                assert await self.read()

    async def rest(self) -> None:
        with anyio.fail_after(WAIT_S):
            while await self.read():
                pass


def spdy_upgrade(protocol: str) -> tuple[tuple[str, str], ...]:
    return (
        ("Connection", "Upgrade"),
        ("Upgrade", "SPDY/3.1"),
        ("X-Stream-Protocol-Version", protocol),
    )


ERROR, STDIN, STDOUT, STDERR = 1, 3, 5, 7


def open_command(client: Client) -> None:
    for stream, name in (
        (ERROR, "error"),
        (STDIN, "stdin"),
        (STDOUT, "stdout"),
        (STDERR, "stderr"),
    ):
        client.open(stream, streamtype=name)


async def test_a_command_has_a_stream_for_each_channel(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        await lab.run("box", *WAIT)
        path = exec_path("box", "sh", "-c", "cat; echo err >&2; exit 3", stdin=True)
        headers = spdy_upgrade("v4.channel.k8s.io")
        async with talk(lab.port, path, headers, method="POST") as server:
            client = Client(server)
            open_command(client)
            client.send(STDIN, b"a" * 100_000)
            client.send(STDIN, b"b", last=True)
            await client.rest()

    assert client.streams[STDOUT] == b"a" * 100_000 + b"b"
    assert client.streams[STDERR] == b"err\n"
    status = json.loads(client.streams[ERROR])
    assert status["details"]["causes"] == [{"reason": "ExitCode", "message": "3"}]
    assert client.ended == {ERROR, STDOUT, STDERR}


async def test_a_command_that_is_not_there_is_told_on_the_error_stream(
    tmp_path: Path,
) -> None:
    async with open_lab(tmp_path) as lab:
        await lab.run("box", *WAIT)
        path = exec_path("box", "nosuch", stdin=True)
        headers = spdy_upgrade("v4.channel.k8s.io")
        async with talk(lab.port, path, headers, method="POST") as server:
            client = Client(server)
            open_command(client)
            await client.rest()

    assert b"executable file not found in $PATH" in client.streams[ERROR]


async def test_a_client_that_goes_ends_the_input(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        uid = await lab.run("box", *WAIT)
        path = exec_path("box", "cat", stdin=True)
        headers = spdy_upgrade("v4.channel.k8s.io")
        async with talk(lab.port, path, headers, method="POST") as server:
            client = Client(server)
            open_command(client)
            client.send(STDIN, b"hello")
            await client.until(STDOUT, b"hello")
            process = next(iter(lab.container(uid).execs))
        with anyio.fail_after(WAIT_S):
            await process.ended.wait()

    assert process.code == 0


async def test_a_client_that_opens_too_little_gets_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("syncd.loopback.streams.spdy_command._OPENING_S", 0.05)
    async with open_lab(tmp_path) as lab:
        uid = await lab.run("box", *WAIT)
        path = exec_path("box", "cat", stdin=True)
        headers = spdy_upgrade("v4.channel.k8s.io")
        async with talk(lab.port, path, headers, method="POST") as server:
            client = Client(server)
            client.open(ERROR, streamtype="error")
            await client.rest()

        assert not lab.container(uid).execs


@pytest.mark.parametrize("tunnel", [True, False])
async def test_ports_are_forwarded_each_connection_by_its_pair(
    tmp_path: Path, *, tunnel: bool
) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data.upper())
        writer.write(b"END")
        writer.close()

    async with open_lab(tmp_path) as lab:
        uid = await lab.run("box", *WAIT)
        server = await asyncio.start_server(echo, lab.node.address(uid), 0)
        port = str(server.sockets[0].getsockname()[1])
        async with server, dial(lab.port, tunnel=tunnel) as client:
            for number, first in (("0", 1), ("1", 5)):
                pair = {"port": port, "requestid": number}
                client.open(first, streamtype="error", **pair)
                client.open(first + 2, streamtype="data", **pair)
            client.send(3, b"one")
            client.send(7, b"two", last=True)
            await client.until(7, b"TWOEND")
            client.send(3, b"!", last=True)
            await client.until(3, b"ONE!END")
            client.open(9, streamtype="error", port="1", requestid="2")
            client.open(11, streamtype="data", port="1", requestid="2")
            await client.until(9, b"connection refused")

    assert client.streams[1] == b""


@asynccontextmanager
async def dial(port: int, *, tunnel: bool) -> AsyncIterator[Client]:
    tunnelled = (*WEBSOCKET, ("Sec-WebSocket-Protocol", TUNNEL))
    headers = tunnelled if tunnel else spdy_upgrade("portforward.k8s.io")
    method = "GET" if tunnel else "POST"
    async with talk(port, "pods/box/portforward", headers, method=method) as server:
        assert server.upgraded
        yield Client(server, tunnel=tunnel)


async def test_a_protocol_that_is_not_spoken_is_refused(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        await lab.run("box", *WAIT)
        path = exec_path("box", "cat")
        headers = spdy_upgrade("v1.channel.k8s.io")
        async with talk(lab.port, path, headers, method="POST") as server:
            assert server.status == "403 Forbidden"

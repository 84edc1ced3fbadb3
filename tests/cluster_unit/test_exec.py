import base64
import hashlib
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from aiohttp import WSMsgType, web
from anyio.abc import SocketStream

from syncd.cluster import (
    Api,
    CommandNotFound,
    ExecStream,
    Exit,
    Forbidden,
    NotRunning,
    Output,
    Refused,
    Replica,
    Timing,
    Unauthorized,
    Unreachable,
    connect,
    open_exec,
)
from syncd.cluster.channel import PROTOCOLS, V4, V5
from syncd.cluster.exec import failure, refused_exec
from syncd.cluster.failures import Answer
from syncd.errors import ProtocolError, SyncdError, TargetError, TransportError
from tests.cluster_unit.recordings import EXECS, exec_of
from tests.cluster_unit.server import serving, status, write_kubeconfig


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


async def test_a_process_is_talked_to_over_v5(tmp_path: Path) -> None:
    async with cluster(tmp_path, echo) as api, open_exec(api, WEB, ["cat"]) as stream:
        assert stream.protocol == V5
        await stream.send(b"hello")
        assert await stream.receive() == Output(1, b"hello")

        assert await stream.close_stdin()
        assert await drained(stream) == [Exit(0)]


async def test_v4_is_taken_where_v5_is_not_spoken(tmp_path: Path) -> None:
    async with cluster(tmp_path, echo, (V4,)) as api:
        async with open_exec(api, WEB, ["cat"]) as stream:
            assert stream.protocol == V4
            assert not await stream.close_stdin()
            await stream.send(b"hello")
            assert await stream.receive() == Output(1, b"hello")


async def test_the_request_says_what_to_run_and_how(tmp_path: Path) -> None:
    asked: list[web.BaseRequest] = []
    argv = ["sh", "-c", 'echo "a;b" & c=+é']
    async with cluster(tmp_path, echo, asked=asked) as api:
        async with open_exec(api, WEB, argv, stdin=False, tty=True) as stream:
            await stream.resize(80, 24)

    (request,) = asked
    assert request.path == "/api/v1/namespaces/shop/pods/web-0/exec"
    assert ";" not in request.raw_path
    assert request.query.getall("command") == argv
    flags = ("container", "stdin", "stdout", "stderr", "tty")
    assert [request.query[flag] for flag in flags] == [
        *("app", "false", "true", "false", "true"),
    ]
    assert request.headers["Sec-WebSocket-Protocol"] == f"{V5},{V4}"
    assert request.headers["Authorization"] == "Bearer secret"
    assert "Sec-WebSocket-Extensions" not in request.headers


async def test_a_refused_protocol_is_offered_again_alone(tmp_path: Path) -> None:
    def only_v4(request: web.BaseRequest) -> web.Response | None:
        if request.headers["Sec-WebSocket-Protocol"] != V4:
            return web.Response(status=403)
        return None

    async with cluster(tmp_path, echo, (V4,), only_v4) as api:
        async with open_exec(api, WEB, ["cat"]) as stream:
            assert stream.protocol == V4


async def test_a_server_without_either_protocol_is_named(tmp_path: Path) -> None:
    asked: list[web.BaseRequest] = []
    async with cluster(
        tmp_path, echo, (), lambda _: web.Response(status=403), asked=asked
    ) as api:
        with pytest.raises(TransportError, match="neither v5 nor v4") as refused:
            async with open_exec(api, WEB, ["cat"]):
                pass

    assert "WebSockets" in refused.value.hint
    assert len(asked) == 2


async def test_a_missing_permission_is_told_from_a_refused_protocol(
    tmp_path: Path,
) -> None:
    denied = exec_denied("cannot get")
    asked: list[web.BaseRequest] = []
    async with cluster(tmp_path, echo, refuse=lambda _: denied, asked=asked) as api:
        with pytest.raises(Forbidden, match="may not get pods/exec") as refused:
            async with open_exec(api, WEB, ["cat"]):
                pass

    assert 'verbs: ["get", "create"]' in refused.value.hint
    assert len(asked) == 1


def exec_denied(what: str) -> web.Response:
    return status(
        403,
        f'pods "web-0" is forbidden: User "system:serviceaccount:shop:dev" {what}'
        ' resource "pods/exec" in API group "" in the namespace "shop"',
        "Forbidden",
    )


async def test_a_401_is_answered_once_with_fresh_credentials(tmp_path: Path) -> None:
    asked: list[web.BaseRequest] = []

    def first(_request: web.BaseRequest) -> web.Response | None:
        return status(401, "Unauthorized") if len(asked) == 1 else None

    async with cluster(tmp_path, echo, refuse=first, asked=asked) as api:
        async with open_exec(api, WEB, ["cat"]) as stream:
            assert stream.protocol == V5


async def test_a_second_401_is_final(tmp_path: Path) -> None:
    def never(_request: web.BaseRequest) -> web.Response:
        return status(401, "Unauthorized")

    async with cluster(tmp_path, echo, refuse=never) as api:
        with pytest.raises(Unauthorized):
            async with open_exec(api, WEB, ["cat"]):
                pass


# --- how it may be refused, or fail ---------------------------------------------------

REFUSED = [record for record in EXECS if record["status"] != 101]


@pytest.mark.parametrize(
    "record", REFUSED, ids=[f"{r['server']}-{r['case']}" for r in REFUSED]
)
async def test_every_recorded_refusal_is_an_error_of_ours(
    record: dict[str, object],
) -> None:
    answer = Answer(int(str(record["status"])), {}, str(record["body"]).encode())

    error = refused_exec(WEB, answer)

    assert isinstance(error, TargetError | TransportError)
    assert "shop/web-0" in str(error) or isinstance(error, Forbidden)


@pytest.mark.parametrize(
    ("case", "error"),
    [
        ("container name wrong", TargetError),
        ("several containers, none named", TargetError),
        ("pod not found", NotRunning),
        ("namespace not found", NotRunning),
        ("pod Pending (unschedulable)", NotRunning),
        ("pod Pending (ErrImagePull)", NotRunning),
        ("container crash-looping", NotRunning),
        ("pod Succeeded (terminated)", NotRunning),
    ],
)
@pytest.mark.parametrize("server", ["1.20.2", "1.36.2"])
def test_who_must_act_on_a_refusal(
    server: str, case: str, error: type[SyncdError]
) -> None:
    record = exec_of(server, f"{case} [v4]")

    answer = Answer(record["status"], {}, record["body"].encode())

    assert isinstance(refused_exec(WEB, answer), error)


def test_a_kubelet_that_is_down_is_tried_again() -> None:
    body = b"error dialing backend: dial tcp 10.0.0.1:10250: connection refused"

    assert isinstance(refused_exec(WEB, Answer(500, {}, body)), Refused)


async def test_the_body_of_a_refusal_is_read(tmp_path: Path) -> None:
    def gone(_request: web.BaseRequest) -> web.Response:
        return web.Response(status=500, text='container not found ("app")')

    async with cluster(tmp_path, echo, refuse=gone) as api:
        with pytest.raises(NotRunning, match=r'not running: container not found \("a'):
            async with open_exec(api, WEB, ["cat"]):
                pass


def status_frames(record: dict[str, list[str]]) -> Script:
    async def script(ws: web.WebSocketResponse) -> None:
        for message in record["messages"]:
            await ws.send_bytes(bytes.fromhex(message))

    return script


@pytest.mark.parametrize(
    ("server", "case", "error", "said"),
    [
        (
            "1.20.2",
            "command not found (argv) [v4]",
            CommandNotFound,
            'cannot run "nosuch": executable file not found',
        ),
        (
            "1.36.2",
            "command not found (argv) [v5]",
            CommandNotFound,
            'cannot run "nosuch": executable file not found',
        ),
        (
            "1.36.2",
            "command not executable [v5]",
            CommandNotFound,
            'cannot run "nosuch": permission denied',
        ),
        (
            "1.36.2-apitranslate",
            "container crash-looping [v5]",
            NotRunning,
            'container app is not running: container not found ("c")',
        ),
        ("1.36.2", "no command [v5]", TransportError, "args must not be empty"),
    ],
)
async def test_a_process_that_could_not_be_run_is_an_error(
    tmp_path: Path, server: str, case: str, error: type[SyncdError], said: str
) -> None:
    async with cluster(tmp_path, status_frames(exec_of(server, case))) as api:
        async with open_exec(api, WEB, ["nosuch"]) as stream:
            with pytest.raises(error) as failed:
                await stream.receive()

    assert said in str(failed.value)
    assert "Internal error" not in str(failed.value)


@pytest.mark.parametrize(
    ("message", "error", "said"),
    [
        (
            'OCI runtime exec failed: exec failed: chdir to cwd ("/app") set in'
            " config.json failed: no such file or directory: unknown",
            TargetError,
            'its working folder "/app" cannot be entered: no such file or directory',
        ),
        (
            "cannot exec in a stopped state: unknown",
            NotRunning,
            "is not running: cannot exec in a stopped state",
        ),
        ("", TransportError, "the exec failed: no reason given"),
    ],
)
def test_the_runtimes_words_are_understood(
    message: str, error: type[SyncdError], said: str
) -> None:
    found = failure(message, WEB, ["python3"])

    assert type(found) is error
    assert said in str(found)


async def test_a_stream_that_ends_without_a_word_is_broken(tmp_path: Path) -> None:
    async def nothing(_ws: web.WebSocketResponse) -> None:
        return

    async with cluster(tmp_path, nothing) as api:
        async with open_exec(api, WEB, ["cat"]) as stream:
            with pytest.raises(TransportError, match="the stream ended"):
                await stream.receive()


async def test_a_stream_that_is_cut_is_broken(tmp_path: Path) -> None:
    async def reset(ws: web.WebSocketResponse) -> None:
        await ws.receive()
        transport = ws._req.transport if ws._req else None
        assert transport is not None
        transport.abort()

    async with cluster(tmp_path, reset) as api:
        async with open_exec(api, WEB, ["cat"]) as stream:
            await stream.send(b"x")
            with pytest.raises(TransportError, match="the stream was cut"):
                await stream.receive()
            with pytest.raises(TransportError):
                await stream.send(b"x")


async def test_what_came_before_a_cut_is_not_lost(tmp_path: Path) -> None:
    async def last_words(ws: web.WebSocketResponse) -> None:
        await ws.send_bytes(b"\x01last words")
        await ws.send_bytes(SUCCESS)

    async with cluster(tmp_path, last_words) as api:
        async with open_exec(api, WEB, ["cat"]) as stream:
            await anyio.sleep(0.05)
            assert await drained(stream) == [Output(1, b"last words"), Exit(0)]


async def test_a_text_message_breaks_the_protocol(tmp_path: Path) -> None:
    async def text(ws: web.WebSocketResponse) -> None:
        await ws.send_str("1aGVsbG8=")

    async with cluster(tmp_path, text) as api:
        async with open_exec(api, WEB, ["cat"]) as stream:
            with pytest.raises(ProtocolError, match="text message"):
                await stream.receive()


async def test_a_peer_that_answers_no_ping_is_lost(tmp_path: Path) -> None:
    async def deaf(ws: web.WebSocketResponse) -> None:
        async for message in ws:
            assert message.type is WSMsgType.PING  # and autoping is off

    timing = Timing(connect=5, heartbeat=0.05)
    async with cluster(tmp_path, deaf, timing=timing) as api:
        async with open_exec(api, WEB, ["cat"]) as stream:
            with pytest.raises(TransportError, match="its ping was not answered"):
                await stream.receive()


async def test_a_receive_that_timed_out_may_be_repeated(tmp_path: Path) -> None:
    async with cluster(tmp_path, echo) as api:
        async with open_exec(api, WEB, ["cat"]) as stream:
            with anyio.move_on_after(0.01) as waiting:
                await stream.receive()
            assert waiting.cancelled_caught

            await stream.send(b"hello")
            assert await stream.receive() == Output(1, b"hello")


# --- what is on the wire ------------------------------------------------------------


class RawServer:
    """Shakes hands over TLS, and then leaves the frames to the test."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.reads = True
        self.gone = anyio.Event()

    async def handle(self, stream: SocketStream) -> None:
        from anyio.streams.tls import TLSStream

        from tests.cluster_unit.server import server_tls

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

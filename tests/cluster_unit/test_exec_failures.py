from pathlib import Path

import anyio
import pytest
from aiohttp import WSMsgType, web

from syncd.cluster import (
    CommandNotFound,
    Exit,
    Forbidden,
    NotRunning,
    Output,
    Refused,
    Timing,
    open_exec,
)
from syncd.cluster.exec import failure, refused_exec
from syncd.cluster.failures import Answer
from syncd.errors import ProtocolError, SyncdError, TargetError, TransportError
from tests.cluster_unit.execs import SUCCESS, WEB, Script, cluster, drained, echo
from tests.cluster_unit.recordings import EXECS, exec_of


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
    async with (
        cluster(tmp_path, status_frames(exec_of(server, case))) as api,
        open_exec(api, WEB, ["nosuch"]) as stream,
    ):
        with pytest.raises(error) as failed:
            await stream.receive()

    assert said in str(failed.value)
    assert "Internal error" not in str(failed.value)


@pytest.mark.parametrize(
    ("message", "error", "said"),
    [
        (
            'chdir to cwd ("/app") failed: no such file or directory: unknown',
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

    async with (
        cluster(tmp_path, nothing) as api,
        open_exec(api, WEB, ["cat"]) as stream,
    ):
        with pytest.raises(TransportError, match="the stream ended"):
            await stream.receive()


async def test_a_stream_that_is_cut_is_broken(tmp_path: Path) -> None:
    async def reset(ws: web.WebSocketResponse) -> None:
        await ws.receive()
        transport = ws._req.transport if ws._req else None
        assert transport is not None
        transport.abort()

    async with cluster(tmp_path, reset) as api, open_exec(api, WEB, ["cat"]) as stream:
        await stream.send(b"x")
        with pytest.raises(TransportError, match="the stream was cut"):
            await stream.receive()
        with pytest.raises(TransportError):
            await stream.send(b"x")


async def test_what_came_before_a_cut_is_not_lost(tmp_path: Path) -> None:
    async def last_words(ws: web.WebSocketResponse) -> None:
        await ws.send_bytes(b"\x01last words")
        await ws.send_bytes(SUCCESS)

    async with (
        cluster(tmp_path, last_words) as api,
        open_exec(api, WEB, ["cat"]) as stream,
    ):
        await anyio.sleep(0.05)
        assert await drained(stream) == [Output(1, b"last words"), Exit(0)]


async def test_a_text_message_breaks_the_protocol(tmp_path: Path) -> None:
    async def text(ws: web.WebSocketResponse) -> None:
        await ws.send_str("1aGVsbG8=")

    async with cluster(tmp_path, text) as api, open_exec(api, WEB, ["cat"]) as stream:
        with pytest.raises(ProtocolError, match="text message"):
            await stream.receive()


async def test_a_peer_that_answers_no_ping_is_lost(tmp_path: Path) -> None:
    async def deaf(ws: web.WebSocketResponse) -> None:
        async for message in ws:
            assert message.type is WSMsgType.PING  # and autoping is off

    timing = Timing(connect=5, heartbeat=0.05)
    async with (
        cluster(tmp_path, deaf, timing=timing) as api,
        open_exec(api, WEB, ["cat"]) as stream,
    ):
        with pytest.raises(TransportError, match="its ping was not answered"):
            await stream.receive()


async def test_a_receive_that_timed_out_may_be_repeated(tmp_path: Path) -> None:
    async with cluster(tmp_path, echo) as api, open_exec(api, WEB, ["cat"]) as stream:
        with anyio.move_on_after(0.01) as waiting:
            await stream.receive()
        assert waiting.cancelled_caught

        await stream.send(b"hello")
        assert await stream.receive() == Output(1, b"hello")

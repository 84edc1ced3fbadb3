import json
import os
import stat
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream
from hypothesis import example, given, settings, strategies as st

from syncd.control import Hub, Record, Status, Waited, serve
from syncd.control.client import Client
from syncd.control.lines import LONGEST
from syncd.control.server import CLIENTS
from syncd.errors import Halted, Overdue, SyncdError, TransportError
from syncd.events import Event, InStep, ReaderDropped
from tests.examples import examples


WAIT_S = 20
RECORD = Record("/p", 1, "2026-01-01T00:00:00+00:00", (), "")

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda some: (
        st.lists(some, max_size=3)
        | st.dictionaries(st.text(max_size=3), some, max_size=3)
    ),
    max_leaves=5,
)
REQUESTS = st.fixed_dictionaries(
    {"request": st.sampled_from(["status", "wait", "stop", "events"]) | VALUES},
    optional={"ready": VALUES, "timeout_s": VALUES | st.just(10**400)},
)
LINES = st.binary(max_size=40) | (REQUESTS | VALUES).map(
    lambda value: json.dumps(value).encode()
)
DEEP = b"[" * 100_000


@dataclass
class Daemon:
    """Answers as a daemon would, and keeps what it was asked."""

    asked: list[str] = field(default_factory=list)
    refusal: SyncdError | None = None
    patience: anyio.Event = field(default_factory=anyio.Event)

    def status(self) -> Status:
        return Status(
            version="1", project="/p", pid=1, since=RECORD.since, phase="running"
        )

    async def wait(self, *, ready: bool) -> Waited:
        self.asked.append(f"wait {ready}")
        try:
            if self.refusal:
                raise self.refusal
            await self.patience.wait()
        except anyio.get_cancelled_exc_class():
            self.asked.append("given up")
            raise
        return Waited(batch=7, replicas=2, took_ms=1.5)

    def stop(self) -> None:
        self.asked.append("stop")


@dataclass
class Scene:
    path: Path
    daemon: Daemon
    hub: Hub
    events: list[Event]

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Client]:
        async with await anyio.connect_unix(self.path) as stream:
            yield Client(stream, RECORD)

    @asynccontextmanager
    async def stream(self) -> AsyncIterator[ByteStream]:
        async with await anyio.connect_unix(self.path) as stream:
            yield stream

    async def until(self, said: str) -> None:
        with anyio.fail_after(WAIT_S):
            while said not in self.daemon.asked:
                await anyio.sleep(0.001)


@asynccontextmanager
async def serving(
    tmp_path: Path,
    *,
    uid: int | None = None,
    kept: int = 100,
    write_s: float = 10,
    ask_s: float = 10,
) -> AsyncIterator[Scene]:
    events: list[Event] = []
    hub = Hub(events.append, kept=kept)
    scene = Scene(tmp_path / "s", Daemon(), hub, events)
    user = os.getuid() if uid is None else uid
    async with anyio.create_task_group() as tasks:
        answer_them = partial(serve, scene.path, scene.daemon, hub, user)
        await tasks.start(partial(answer_them, write_s=write_s, ask_s=ask_s))
        with anyio.fail_after(WAIT_S):
            yield scene
        tasks.cancel_scope.cancel()


async def answer(stream: ByteStream, text: bytes) -> Any:
    await stream.send(text + b"\n")
    return json.loads(await stream.receive())


async def first_line(scene: Scene) -> Any:
    """Return what is said without being asked."""
    async with scene.stream() as stream:
        return json.loads(await stream.receive())


async def everything(stream: ByteStream) -> list[Any]:
    """Return all that is said until the end of the stream."""
    text = b""
    while True:
        try:
            text += await stream.receive()
        except anyio.EndOfStream:
            return [json.loads(line) for line in text.splitlines()]


async def test_several_requests_are_answered_in_turn(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, scene.client() as client:
        scene.daemon.patience.set()

        first, waited = await client.status(), await client.wait(ready=True)

        assert first.phase == "running"
        assert waited == Waited(batch=7, replicas=2, took_ms=1.5)
        assert scene.daemon.asked == ["wait True"]


async def told_by(path: Path, answer: dict[str, Any]) -> Status:
    """Return what a client makes of a status that is `answer`."""

    async def say(stream: ByteStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(json.dumps(answer).encode() + b"\n")

    async with (
        await anyio.create_unix_listener(path) as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, say)
        async with await anyio.connect_unix(path) as stream:
            status = await Client(stream, RECORD).status()
        tasks.cancel_scope.cancel()
    return status


async def test_a_syncd_of_another_version_is_understood_or_told_as_such(
    tmp_path: Path,
) -> None:
    known = asdict(Daemon().status())

    newer = await told_by(tmp_path / "a", {"ok": True, **known, "mood": "good"})

    assert newer == Daemon().status()
    del known["targets"]
    with pytest.RaisesGroup(
        pytest.RaisesExc(TransportError, match="it is another version")
    ):
        await told_by(tmp_path / "b", {"ok": True, **known})


async def test_only_its_user_may_use_the_socket(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        assert stat.S_IMODE(scene.path.stat().st_mode) == 0o600


async def test_another_user_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path, uid=os.getuid() + 1) as scene:
        said = await first_line(scene)

    assert not said["ok"]
    assert f"user {os.getuid()} may not ask" in said["error"]["message"]


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (b"hello", "not JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", "the request None is none of status, wait, stop and events"),
        (b'{"request": "wait", "timeout_s": "long"}', "timeout_s is 'long'"),
        (b'{"request": "wait", "timeout_s": NaN}', "timeout_s is nan"),
        (b'{"request": "wait", "timeout_s": -1}', "timeout_s is -1"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    tmp_path: Path, request_: bytes, why: str
) -> None:
    async with serving(tmp_path) as scene, scene.stream() as stream:
        said = await answer(stream, request_)

    assert why in said["error"]["message"]


@settings(max_examples=examples(30))
@given(st.lists(LINES, max_size=4), st.booleans())
@example([DEEP], True)
@example([b'{"request": ' + DEEP[:480] + b"]" * 480 + b"}"], True)
@example([json.dumps({"request": "wait", "timeout_s": 10**400}).encode()], True)
def test_nothing_that_a_client_sends_ends_the_daemon(
    lines: list[bytes], stays: bool
) -> None:
    async def main(folder: Path) -> None:
        async with serving(folder) as scene:
            scene.daemon.patience.set()
            async with scene.stream() as stream:
                await stream.send(b"".join(line + b"\n" for line in lines))
                if stays:
                    await stream.send_eof()
                    said = await everything(stream)
                    assert all(isinstance(each["ok"], bool) for each in said)
            async with scene.client() as client:
                assert (await client.status()).phase == "running"

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(main, Path(folder))


async def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, scene.stream() as stream:
        said = await answer(stream, b"x" * (LONGEST + 1))

    assert said["error"]["message"] == "too long a line"


async def test_too_many_clients_are_refused_all_but_a_stop(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, AsyncExitStack() as idle:
        for _ in range(CLIENTS):
            await idle.enter_async_context(scene.stream())
        async with scene.stream() as stream:
            refused = await answer(stream, b'{"request": "status"}')
        async with scene.stream() as stream:
            garbage = await answer(stream, b"[")
        async with scene.stream() as stream:
            stopped = await answer(stream, b'{"request": "stop"}')

    assert f"{CLIENTS} clients are connected already" in refused["error"]["message"]
    assert not garbage["ok"]
    assert stopped == {"ok": True}
    assert scene.daemon.asked == ["stop"]


async def test_of_those_too_many_none_stays_that_asks_nothing(tmp_path: Path) -> None:
    async with serving(tmp_path, ask_s=0.01) as scene, AsyncExitStack() as idle:
        for _ in range(CLIENTS):
            await idle.enter_async_context(scene.stream())
        said = await first_line(scene)

    assert f"{CLIENTS} clients are connected already" in said["error"]["message"]


async def test_a_wait_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, scene.client() as client:
        with pytest.raises(Overdue, match=r"not all was applied within 0\.01 s"):
            await client.wait(timeout_s=0.01)

        assert scene.daemon.asked == ["wait False", "given up"]
        assert (await client.status()).phase == "running"


async def test_a_wait_is_given_up_when_who_waits_goes(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        async with scene.stream() as stream:
            await stream.send(b'{"request": "wait"}\n')
            await scene.until("wait False")

        await scene.until("given up")


async def test_an_error_keeps_its_kind_and_its_hint(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, scene.client() as client:
        scene.daemon.refusal = Halted("the folder is gone", hint="bring it back")

        with pytest.raises(Halted, match="the folder is gone") as caught:
            await client.wait()

    assert caught.value.hint == "bring it back"


async def test_stop_is_answered_before_it_is_done(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, scene.stream() as stream:
        assert await answer(stream, b'{"request": "stop"}') == {"ok": True}

        await scene.until("stop")


async def test_events_come_as_json_lines_from_the_request_on(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, scene.stream() as stream:
        scene.hub(InStep(replicas=1, since_start_ms=1))
        said = await answer(stream, b'{"request": "events"}')
        scene.hub(InStep(replicas=2, since_start_ms=1))
        record = json.loads(await stream.receive())

    assert said == {"ok": True}
    assert list(record)[:3] == ["event", "ts", "level"]
    assert (record["event"], record["replicas"]) == ("syncd.in_step", 2)
    assert len(scene.events) == 2


async def test_a_slow_reader_of_events_is_dropped_and_told(tmp_path: Path) -> None:
    async with serving(tmp_path, kept=10) as scene, scene.stream() as stream:
        await answer(stream, b'{"request": "events"}')
        # No give and take: nothing is read while these are said.
        for number in range(20):
            scene.hub(InStep(replicas=number, since_start_ms=1))
        records = await everything(stream)

    numbers = [record["replicas"] for record in records[:-1]]
    assert numbers == list(range(len(numbers)))
    assert 10 <= len(numbers) < 20
    assert records[-1]["event"] == "events.dropped"
    dropped = [e for e in scene.events if isinstance(e, ReaderDropped)]
    assert [(e.reader, e.behind) for e in dropped] == [("client 1", 10)]
    assert scene.hub.readers == 0


async def test_a_reader_that_takes_nothing_is_let_go_and_harms_nobody(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path, kept=100_000, write_s=0.05) as scene:
        async with scene.stream() as stream:
            await answer(stream, b'{"request": "events"}')
            while scene.hub.readers:
                scene.hub(InStep(replicas=1, since_start_ms=1))
                await anyio.lowlevel.checkpoint()
        async with scene.client() as client:
            await client.status()

    assert [e.reader for e in scene.events if isinstance(e, ReaderDropped)] == [
        "client 1"
    ]


async def test_a_reader_that_goes_in_the_middle_of_an_event_harms_nobody(
    tmp_path: Path,
) -> None:
    async with serving(tmp_path) as scene:
        for _ in range(20):
            async with scene.stream() as stream:
                await answer(stream, b'{"request": "events"}')
            # Nothing has been awaited since it was closed: the server does not know.
            scene.hub(InStep(replicas=1, since_start_ms=1))
            while scene.hub.readers:
                await anyio.sleep(0.001)
        async with scene.client() as client:
            await client.status()


async def test_a_reader_that_goes_is_forgotten(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene:
        async with scene.stream() as stream:
            await answer(stream, b'{"request": "events"}')
        while scene.hub.readers:
            await anyio.sleep(0.001)

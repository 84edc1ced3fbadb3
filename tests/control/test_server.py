import json
import os
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import ByteStream

from syncd.control import Hub, Record, Status, Waited, serve
from syncd.control.client import Client
from syncd.control.lines import LONGEST
from syncd.control.server import CLIENTS
from syncd.errors import Halted, Overdue, SyncdError
from syncd.events import Event, InStep, ReaderDropped


WAIT_S = 20


@dataclass
class Daemon:
    """Answers as a daemon would, and keeps what it was asked."""

    asked: list[str] = field(default_factory=list)
    refusal: SyncdError | None = None
    patience: anyio.Event = field(default_factory=anyio.Event)

    def status(self) -> Status:
        return Status(version="1", project="/p", pid=1, since="", phase="running")

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
            yield Client(stream, Record("/p", 1, "2026-01-01T00:00:00+00:00", (), ""))

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
) -> AsyncIterator[Scene]:
    events: list[Event] = []
    hub = Hub(events.append, kept=kept)
    scene = Scene(tmp_path / "s", Daemon(), hub, events)
    user = os.getuid() if uid is None else uid
    async with anyio.create_task_group() as tasks:
        await tasks.start(
            partial(serve, scene.path, scene.daemon, hub, user, write_s=write_s)
        )
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


async def test_a_line_without_end_is_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, scene.stream() as stream:
        said = await answer(stream, b"x" * (LONGEST + 1))

    assert said["error"]["message"] == "too long a line"


async def test_too_many_clients_are_refused(tmp_path: Path) -> None:
    async with serving(tmp_path) as scene, anyio.create_task_group() as tasks:

        async def stay(*, task_status: Any = anyio.TASK_STATUS_IGNORED) -> None:
            async with scene.client() as client:
                await client.status()
                task_status.started()
                await anyio.sleep_forever()

        for _ in range(CLIENTS):
            await tasks.start(stay)
        said = await first_line(scene)
        tasks.cancel_scope.cancel()

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

"""The observer over a log that breaks, and is opened again."""

import datetime as dt
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest

from syncd.cluster import LogLine
from syncd.errors import TransportError
from syncd.events import (
    BatchReady,
    BatchReloaded,
    Event,
    ReloaderAdvised,
    ReloadFailed,
    ReloadMissed,
)
from syncd.plan import Plan
from syncd.session.observing import Observer
from syncd.session.owed import Owed, Root, Turn
from syncd.session.readiness import Readiness
from syncd.session.report import Report, Who
from syncd.tree import Entry, Kind
from tests.session.container import Container, MemoryLink


ARMED = b"INFO:     Started reloader process [1] using StatReload"
BEGAN = b"WARNING:  StatReload detected changes in 'main.py'. Reloading..."
ANEW = b"INFO:     Started server process [2]"
SERVING = b"INFO:     Application startup complete."
BROKE = (b"Traceback (most recent call last):", b"ImportError: no such thing")


@dataclass
class MemoryLog:
    """A log that a test writes, and breaks."""

    past: tuple[bytes, ...] = ()
    unread: list[bytes] = field(default_factory=list)
    opened: int = 0
    time: str = ""
    _moved: anyio.Event = field(default_factory=anyio.Event)
    _broken: bool = False

    async def history(self) -> AsyncGenerator[LogLine, None]:
        for line in self.past:
            yield LogLine("", line)

    async def follow(self) -> AsyncGenerator[LogLine, None]:
        self.opened += 1
        while not self._broken:
            while self.unread:
                yield LogLine(self.time, self.unread.pop(0))
            await self._moved.wait()
        self._broken = False
        raise TransportError("the log was cut")

    def write(self, *lines: bytes) -> None:
        self.unread.extend(lines)
        self._move()

    def cut(self) -> None:
        self._broken = True
        self._move()

    def _move(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()


@dataclass
class Stand:
    """An observer at work, and what it said."""

    observer: Observer
    log: MemoryLog
    owed: Owed
    events: list[Event]

    def apply(
        self, number: int, path: bytes = b"main.py", landed_at_s: float | None = None
    ) -> None:
        now = anyio.current_time()
        turn = Turn((), 0, sent_s=now, landed_at_s=landed_at_s, landed=[(0, path)])
        self.observer.applied([number], turn)

    async def heed(self, *lines: bytes) -> None:
        self.log.write(*lines)
        await anyio.wait_all_tasks_blocked()

    async def until_told(self) -> None:
        with anyio.fail_after(10):
            while not self.events:
                await anyio.sleep(0.02)


@asynccontextmanager
async def observing(
    *past: bytes, tree: Iterable[bytes] = (b"main.py",)
) -> AsyncIterator[Stand]:
    events: list[Event] = []
    root = Root(
        local=b"/src",
        remote="/app",
        tree={path: Entry(Kind.FILE, size=1, digest=b"1") for path in tree},
        content=lambda _: None,
        ignored=lambda _, __: False,
        look_again=lambda _: None,
        plan=Plan(()),
    )
    log = MemoryLog(past)
    owed = Owed([root], "session")

    def hear(event: Event) -> None:
        if not isinstance(event, ReloaderAdvised):  # which is no matter of a reload
            events.append(event)

    report = Report(Who("deployment/web", "web-0", "app"), hear, anyio.current_time)
    link = MemoryLink(Container())
    readiness = Readiness(link, lambda: None, report)
    observer = Observer(link, lambda: log, owed, report, readiness)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(observer.follow)
        tasks.start_soon(observer.wait)
        await anyio.wait_all_tasks_blocked()
        yield Stand(observer, log, owed, events)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("past", [(SERVING,), BROKE, (ARMED, BEGAN, ANEW, SERVING)])
async def test_what_the_log_held_before_answers_no_batch(
    past: tuple[bytes, ...],
) -> None:
    async with observing(*past) as stand:
        stand.apply(1)
        await anyio.wait_all_tasks_blocked()

    assert stand.events == []


async def test_what_comes_after_the_past_does() -> None:
    async with observing(ARMED, SERVING) as stand:
        stand.apply(1)
        await stand.heed(BEGAN, ANEW, SERVING)

    assert [type(event) for event in stand.events] == [BatchReloaded, BatchReady]


async def test_the_past_tells_that_the_server_reloads_by_itself() -> None:
    async with observing(ARMED) as stand:
        stand.apply(1)
        await stand.until_told()

    assert isinstance(stand.events[0], ReloadMissed)
    assert stand.owed.ledgers[0].pending == {b"main.py"}


async def test_what_was_deleted_and_missed_is_made_up_for_by_code_that_is_near() -> (
    None
):
    async with observing(ARMED, tree=[b"a.py", b"pkg/b.py"]) as stand:
        stand.apply(1, b"pkg/gone.py")
        await stand.until_told()

    assert stand.owed.ledgers[0].pending == {b"pkg/b.py"}


async def test_a_reload_that_the_past_saw_begin_answers_no_batch_of_now() -> None:
    async with observing(ARMED, BEGAN) as stand:
        stand.apply(1)
        await stand.heed(SERVING)
        assert stand.events == []

        await stand.heed(BEGAN, ANEW, SERVING)

    assert [type(event) for event in stand.events] == [BatchReloaded, BatchReady]


async def test_a_traceback_is_read_across_a_cut() -> None:
    async with observing(ARMED) as stand:
        stand.apply(1)
        await stand.heed(BEGAN, BROKE[0])
        stand.log.cut()
        with anyio.fail_after(10):
            while stand.log.opened < 2:
                await anyio.sleep(0.05)
        await stand.heed(BROKE[1])
        await stand.until_told()

    (failed,) = stand.events
    assert isinstance(failed, ReloadFailed)
    assert failed.error == "ImportError: no such thing"


async def test_a_failure_is_told_of_what_landed_before_its_reload_began() -> None:
    async with observing(ARMED, SERVING) as stand:
        stand.apply(
            1, landed_at_s=dt.datetime(2026, 11, 1, 12, 0, 0, 0, dt.UTC).timestamp()
        )
        stand.apply(
            2,
            landed_at_s=dt.datetime(2026, 11, 1, 12, 0, 0, 200000, dt.UTC).timestamp(),
        )
        stand.log.time = "2026-11-01T12:00:00.123456789Z"
        await stand.heed(BEGAN, *BROKE)
        await stand.until_told()

    (failed,) = stand.events
    assert isinstance(failed, ReloadFailed)
    assert failed.batches == (1,)

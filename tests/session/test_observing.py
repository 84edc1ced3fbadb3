"""The observer over a log that breaks, and is opened again."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import pytest

from syncd.errors import TransportError
from syncd.events import (
    BatchReady,
    BatchReloaded,
    Event,
    ReloaderAdvised,
    ReloadFailed,
    ReloadMissed,
)
from syncd.session.mark import Mark
from syncd.session.observing import Observer
from syncd.session.owed import Owed
from syncd.session.readiness import Readiness
from syncd.session.report import Report, Who
from tests.session.container import Container, MemoryLink


ARMED = b"INFO:     Started reloader process [1] using StatReload"
BEGAN = b"WARNING:  StatReload detected changes in 'main.py'. Reloading..."
SERVING = b"INFO:     Application startup complete."
BROKE = (b"Traceback (most recent call last):", b"ImportError: no such thing")


@dataclass
class MemoryLog:
    """A log that a test writes, and breaks."""

    past: tuple[bytes, ...] = ()
    unread: list[bytes] = field(default_factory=list)
    opened: int = 0
    _moved: anyio.Event = field(default_factory=anyio.Event)
    _broken: bool = False

    async def history(self) -> AsyncGenerator[bytes, None]:
        for line in self.past:
            yield line

    async def follow(self) -> AsyncGenerator[bytes, None]:
        self.opened += 1
        while not self._broken:
            while self.unread:
                yield self.unread.pop(0)
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
    events: list[Event]

    def apply(self, number: int) -> None:
        mark = Mark(
            number=number,
            target="deployment/web",
            paths=(b"main.py",),
            files=1,
            deleted=0,
            detected_at_s=0,
            settled_ms=0,
            scanned_ms=0,
            emit=self.events.append,
        )
        self.observer.applied([mark], [b"main.py"], anyio.current_time())

    async def heed(self, *lines: bytes) -> None:
        self.log.write(*lines)
        await anyio.wait_all_tasks_blocked()


@asynccontextmanager
async def observing(*past: bytes) -> AsyncIterator[Stand]:
    events: list[Event] = []
    log = MemoryLog(past)
    owed = Owed([], "session")

    def hear(event: Event) -> None:
        if not isinstance(event, ReloaderAdvised):  # which is no matter of a reload
            events.append(event)

    report = Report(Who("deployment/web", "web-0", "app"), hear, anyio.current_time)
    link = MemoryLink(Container())
    readiness = Readiness(link, lambda: None, report)
    observer = Observer(link, lambda: log, owed, report, readiness)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(observer.follow)
        await anyio.wait_all_tasks_blocked()
        yield Stand(observer, log, events)
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("past", [(SERVING,), BROKE, (ARMED, BEGAN, SERVING)])
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
        await stand.heed(BEGAN, SERVING)

    assert [type(event) for event in stand.events] == [BatchReloaded, BatchReady]


async def test_the_past_tells_that_the_server_reloads_by_itself() -> None:
    async with observing(ARMED) as stand:
        stand.apply(1)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stand.observer.wait)
            with anyio.fail_after(10):
                while not stand.events:
                    await anyio.sleep(0.05)
            tasks.cancel_scope.cancel()

    assert isinstance(stand.events[0], ReloadMissed)


async def test_a_reload_that_the_past_saw_begin_answers_no_batch_of_now() -> None:
    async with observing(ARMED, BEGAN) as stand:
        stand.apply(1)
        await stand.heed(SERVING)
        assert stand.events == []

        await stand.heed(BEGAN, SERVING)

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

    (failed,) = stand.events
    assert isinstance(failed, ReloadFailed)
    assert failed.error == "ImportError: no such thing"

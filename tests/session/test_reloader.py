"""What the warm reloader says, as events."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from syncd.daemon.injecting import AdviseOnce
from syncd.events import BatchReloaded, Event, ReloaderAdvised, ReloadFailed
from syncd.reload import Broke
from syncd.session import Session
from syncd.session.link import Fate, ReloadAnswer
from syncd.tree import Entry
from tests.session.container import Container
from tests.session.test_observing import ANEW, ARMED, BEGAN, SERVING, MemoryLog
from tests.session.test_session import file, idle, make, mark, root


@asynccontextmanager
async def edited(container: Container, events: list[Event]) -> AsyncIterator[Session]:
    """Run a session whose first batch, of wire number 1 or more, has landed."""
    tree: dict[bytes, Entry] = {}
    session = make(container, tree, events)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        tree[b"a.py"] = file(1)
        session.nudge(0, [b"a.py"], mark(events, session))
        await idle(session)
        yield session
        tasks.cancel_scope.cancel()


async def until_heard(events: list[Event], kind: type[Event]) -> None:
    with anyio.fail_after(5):
        while not any(isinstance(event, kind) for event in events):
            await anyio.lowlevel.checkpoint()


async def test_code_that_serves_is_told_with_the_steps_of_its_reload() -> None:
    container, events = Container(reloads=True), list[Event]()

    async with edited(container, events):
        served = ReloadAnswer(container.last, Fate.SERVED, {"total_ms": 61.0})
        container.reload_answers.put(served)
        await until_heard(events, BatchReloaded)

    (event,) = [event for event in events if isinstance(event, BatchReloaded)]
    assert (event.batch, event.steps) == (1, {"total_ms": 61.0})
    assert event.reloaded_ms is not None


async def test_code_that_does_not_start_is_told_with_its_traceback() -> None:
    container, events = Container(reloads=True), list[Event]()
    broke = Broke("NameError: x", "/app/a.py", 3, ("NameError: x",))

    async with edited(container, events):
        failed = ReloadAnswer(container.last, Fate.FAILED, broke=broke)
        container.reload_answers.put(failed)
        await until_heard(events, ReloadFailed)

    (event,) = [event for event in events if isinstance(event, ReloadFailed)]
    assert event.batches == (1,)
    assert (event.error, event.path, event.line) == ("NameError: x", "/app/a.py", 3)


async def test_a_batch_over_two_roots_is_served_when_its_code_is() -> None:
    log, events = MemoryLog((ARMED, SERVING)), list[Event]()
    code, styles = dict[bytes, Entry](), dict[bytes, Entry]()
    session = make(Container(), styles, events, log=lambda: log, beside=[root(code)])
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        styles[b"s.css"], code[b"a.py"] = file(1), file(2)
        edit = mark(events, session)
        session.nudge(0, [b"s.css"], edit)
        session.nudge(1, [b"a.py"], edit)
        await idle(session)
        assert not any(isinstance(event, BatchReloaded) for event in events)

        log.write(BEGAN, ANEW, SERVING)
        await until_heard(events, BatchReloaded)
        tasks.cancel_scope.cancel()

    (event,) = [event for event in events if isinstance(event, BatchReloaded)]
    assert event.reloaded_ms is not None


async def test_without_a_log_and_a_reloader_nothing_is_told_of_reloads() -> None:
    events: list[Event] = []

    async with edited(Container(), events):
        pass

    assert not any(isinstance(event, BatchReloaded) for event in events)


async def test_a_program_that_restarts_for_each_edit_is_said_to_gain_from_the_reloader() -> (
    None
):
    log = MemoryLog((ARMED,))
    events: list[Event] = []
    tree: dict[bytes, Entry] = {}
    session = make(Container(), tree, events, log=lambda: log)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        for content in (1, 2, 3):
            tree[b"a.py"] = file(content)
            session.nudge(0, [b"a.py"], mark(events, session))
            await idle(session)
        await until_heard(events, ReloaderAdvised)
        tasks.cancel_scope.cancel()

    once: list[Event] = []
    advise = AdviseOnce(once.append)
    for event in events:
        advise(event)
    (advised,) = [event for event in once if isinstance(event, ReloaderAdvised)]
    assert advised.server == "uvicorn"
    assert "inject = true" in advised.hint

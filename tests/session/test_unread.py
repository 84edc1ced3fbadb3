"""Files here that cannot be read."""

import anyio

from syncd.events import Event, PathFailed
from tests.session.container import Container
from tests.session.test_session import file, idle, make


async def test_what_cannot_be_read_is_told_and_not_looked_at_again() -> None:
    container = Container(unread={b"a"})
    tree = {b"a": file(1), b"b": file(1)}
    events: list[Event] = []
    session = make(container, tree, events)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        session.nudge(0, [b"a"])
        await idle(session)
        tasks.cancel_scope.cancel()

    failed = [event for event in events if isinstance(event, PathFailed)]
    assert [(event.path, event.code) for event in failed] == [(b"a", "unread")]
    assert session.failing == 1
    assert container.files == {b"b": file(1)}


async def test_what_can_be_read_again_is_sent_although_nothing_says_so() -> None:
    container = Container(unread={b"a"})
    tree = {b"a": file(1)}
    session = make(container, tree, [])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        container.unread.clear()
        with anyio.fail_after(10):
            while container.files != tree:
                await anyio.sleep(0.01)
        await idle(session)
        tasks.cancel_scope.cancel()

    assert session.failing == 0

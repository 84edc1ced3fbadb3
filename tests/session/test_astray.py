"""Containers in which somebody else writes: the ledger is wrong, and finds it out."""

import anyio
import pytest
from hypothesis import given, settings, strategies as st

from syncd.events import BatchDone, Event, PathFailed
from syncd.tree import Entry
from tests.examples import examples
from tests.session.container import Container, Fault
from tests.session.test_session import DIR, EDITS, IMAGES, edit, file, idle, make, mark


@pytest.mark.parametrize("pace", range(10))
async def test_two_saves_in_a_folder_that_somebody_removed_both_land(
    pace: int,
) -> None:
    container = Container()
    tree = {b"d": DIR, b"d/a": file(1), b"d/b": file(1), b"d/c": file(1)}
    events: list[Event] = []
    session = make(container, tree, events)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        container.faults = iter([Fault.MEDDLE])
        for number, path in enumerate((b"d/a", b"d/b")):
            batch = mark(events, session, number=number)
            tree[path] = file(2)
            session.nudge(0, [path], batch)
            for _ in range(pace):
                await anyio.lowlevel.checkpoint()
        await idle(session)
        tasks.cancel_scope.cancel()

    done = [event for event in events if isinstance(event, BatchDone)]
    assert container.files == tree
    assert [(event.replicas, event.failed) for event in done] == [(1, 0), (1, 0)]
    assert not [event for event in events if isinstance(event, PathFailed)]


async def test_a_batch_is_not_done_before_what_was_astray_is_mended() -> None:
    container = Container()
    tree = {b"d": DIR, b"d/a": file(1)}
    session = make(container, tree, [])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        container.faults = iter([Fault.MEDDLE])
        tree[b"d/a"] = file(2)
        session.nudge(0, [b"d/a"])
        while not session.holds(session.noted):
            await anyio.lowlevel.checkpoint()
        assert container.files == tree
        assert session.failing == 0
        tasks.cancel_scope.cancel()


async def test_what_is_astray_again_after_the_comparison_is_told() -> None:
    container = Container()
    tree = {b"d": DIR, b"d/a": file(1)}
    events: list[Event] = []
    session = make(container, tree, events)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        container.astray = True
        tree[b"d/a"] = file(2)
        session.nudge(0, [b"d/a"])
        await idle(session)
        tasks.cancel_scope.cancel()

    failed = [event for event in events if isinstance(event, PathFailed)]
    assert [(event.path, event.code) for event in failed] == [(b"d/a", "missing")]
    assert session.failing == 1


@settings(max_examples=examples(100))
@given(
    IMAGES,
    st.lists(EDITS, max_size=12),
    st.lists(st.sampled_from(Fault), max_size=12),
)
def test_whoever_meddles_any_edits_through_any_faults_converge(
    image: dict[bytes, Entry],
    edits: list[tuple[bytes, int, int]],
    faults: list[Fault],
) -> None:
    container = Container(image=image, faults=iter(faults), whole=True)
    tree: dict[bytes, Entry] = {}

    async def scenario() -> None:
        session = make(container, tree, [], whole=True)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.run)
            for path, content, pace in edits:
                session.nudge(0, edit(tree, path, content))
                for _ in range(pace):
                    await anyio.lowlevel.checkpoint()
            await idle(session)
            container.faults = iter([Fault.CUT_BEFORE])
            tree[b"last"] = file(1)
            session.nudge(0, [b"last"])
            await idle(session)
            tasks.cancel_scope.cancel()

    anyio.run(scenario)

    assert container.files == tree

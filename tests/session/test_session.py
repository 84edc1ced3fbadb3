import random
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import pytest
from hypothesis import given, settings, strategies as st

from syncd.cluster import NotRunning
from syncd.events import BatchDone, Event, PathFailed, PathsKept, SessionLost
from syncd.plan import Plan, Rule, Run
from syncd.session import Mark, Root, Session, Ways, Who
from syncd.session.backoff import Backoff
from syncd.session.ways import Log
from syncd.tree import Entry, Kind
from tests.examples import examples
from tests.session.container import WIRE_FAULTS, Container, Fault, MemoryLink


def file(content: int) -> Entry:
    return Entry(Kind.FILE, 0o644, content, bytes([content]) * 32)


DIR = Entry(Kind.DIR, 0o755)


def root(
    tree: dict[bytes, Entry],
    *,
    rules: tuple[Rule, ...] = (),
    owned: set[bytes] | None = None,
    whole: bool = False,
) -> Root:
    return Root(
        local=b"/src",
        remote="/app",
        tree=tree,
        content=lambda entry: None,
        ignored=lambda path, is_dir: path.endswith(b".pyc"),
        look_again=lambda paths: None,
        plan=Plan(rules),
        owned=set() if owned is None else owned,
        whole=whole,
    )


def make(
    container: Container,
    tree: dict[bytes, Entry],
    events: list[Event],
    *,
    rules: tuple[Rule, ...] = (),
    owned: set[bytes] | None = None,
    whole: bool = False,
    log: Callable[[], Log] | None = None,
    beside: Sequence[Root] = (),
    backoff: Backoff | None = None,
) -> Session:
    made = root(tree, rules=rules, owned=owned, whole=whole)
    return Session(
        Who("t", "pod", "app"),
        [made, *beside],
        Ways(container.dial, log),
        events.append,
        backoff=backoff or Backoff(first_s=0),
    )


async def idle(*sessions: Session) -> None:
    """Give way until nothing is left to do, for ever if that never comes."""
    while not all(session.idle for session in sessions):
        await anyio.lowlevel.checkpoint()


def mark(events: list[Event], *sessions: Session, number: int = 1) -> Mark:
    made = Mark(
        number=number,
        target="t",
        paths=(b"a",),
        files=1,
        deleted=0,
        detected_at_s=anyio.current_time(),
        settled_ms=10,
        scanned_ms=1,
        emit=events.append,
    )
    made.expect(sessions)
    return made


async def test_connecting_makes_the_container_equal() -> None:
    container = Container(image={b"a": file(1), b"same": file(3)})
    tree = {b"a": file(2), b"d": DIR, b"d/b": file(1), b"same": file(3)}
    session = make(container, tree, [])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        tasks.cancel_scope.cancel()

    assert container.files == tree


async def test_what_only_the_container_has_is_kept_and_named() -> None:
    container = Container(image={b"data.db": file(9), b"x.pyc": file(1)})
    events: list[Event] = []
    session = make(container, {b"a": file(1)}, events)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        tasks.cancel_scope.cancel()

    assert b"data.db" in container.files
    assert [e.paths for e in events if isinstance(e, PathsKept)] == [(b"data.db",)]


async def test_of_what_was_put_there_and_is_gone_here_only_folders_are_looked_into() -> (
    None
):
    image = {b"d": DIR, b"d/a": file(1), b"d/e": DIR, b"d/e/theirs": file(1)}
    container = Container(image=image)
    owned = {b"d/a", b"d/b", b"d/e"}
    session = make(container, {b"x": file(1)}, [], owned=owned)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        tasks.cancel_scope.cancel()

    assert container.listed == [{b"", b"d"}, {b"d/e"}]
    assert container.files.keys() == {b"x", b"d", b"d/e", b"d/e/theirs"}


async def test_a_replica_loses_what_only_the_container_has() -> None:
    container = Container(image={b"data.db": file(9), b"x.pyc": file(1)})
    container.whole = True
    session = make(container, {b"a": file(1)}, [], whole=True)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        tasks.cancel_scope.cancel()

    assert container.files == {b"a": file(1), b"x.pyc": file(1)}


async def test_a_file_found_equal_and_deleted_here_stays_deleted_after_a_restart() -> (
    None
):
    container = Container(image={b"a": file(1), b"b": file(2)})
    tree = {b"a": file(1), b"b": file(2)}
    session = make(container, tree, [])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        del tree[b"b"]
        container.faults = iter([Fault.RESTART])
        session.nudge(0, [b"b"])
        await idle(session)
        tasks.cancel_scope.cancel()

    assert container.files == {b"a": file(1)}


async def test_a_batch_is_reported_once_every_replica_has_it() -> None:
    first, second = Container(), Container()
    tree: dict[bytes, Entry] = {}
    events: list[Event] = []
    sessions = [make(first, tree, events), make(second, tree, events)]

    async with anyio.create_task_group() as tasks:
        for session in sessions:
            tasks.start_soon(session.run)
            await session.in_step.wait()
        batch = mark(events, *sessions)
        tree[b"a"] = file(1)
        for session in sessions:
            session.nudge(0, [b"a"], batch)
        await idle(*sessions)
        tasks.cancel_scope.cancel()

    done = [event for event in events if isinstance(event, BatchDone)]
    assert [(event.replicas, event.behind) for event in done] == [(2, 0)]


async def test_a_replica_out_of_reach_does_not_hold_the_batch_up() -> None:
    container = Container()
    tree: dict[bytes, Entry] = {}
    events: list[Event] = []
    session = make(container, tree, events)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        batch = mark(events, session)
        tree[b"a"] = file(1)
        container.faults = iter([Fault.CUT_AFTER])
        session.nudge(0, [b"a"], batch)
        await idle(session)
        tasks.cancel_scope.cancel()

    done = [event for event in events if isinstance(event, BatchDone)]
    assert [(event.replicas, event.behind) for event in done] == [(0, 1)]
    assert container.files == tree
    assert any(isinstance(event, SessionLost) for event in events)


async def test_a_full_disk_is_told_and_mended_by_the_next_save() -> None:
    container = Container(full=True)
    tree = {b"a": file(1)}
    events: list[Event] = []
    session = make(container, tree, events)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        assert [e.code for e in events if isinstance(e, PathFailed)] == ["disk-full"]
        container.full = False
        session.nudge(0, [b"a"])
        await idle(session)
        tasks.cancel_scope.cancel()

    assert container.files == tree


async def test_a_hook_runs_after_its_file_landed_and_again_in_a_fresh_container() -> (
    None
):
    container = Container(image={b"requirements.txt": file(1)})
    tree = {b"requirements.txt": file(1)}
    install = Run(("pip", "install"))
    session = make(container, tree, [], rules=(Rule(("requirements*.txt",), install),))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        assert container.ran == []
        tree[b"requirements.txt"] = file(2)
        session.nudge(0, [b"requirements.txt"])
        await idle(session)
        assert container.ran == [("pip", "install")]
        container.faults = iter([Fault.RESTART])
        tree[b"other"] = file(1)
        session.nudge(0, [b"other"])
        await idle(session)
        tasks.cancel_scope.cancel()

    assert container.ran == [("pip", "install")] * 2


async def test_a_hook_that_runs_when_its_file_changes_runs_once_more() -> None:
    container = Container(image={b"requirements.txt": file(1)})
    tree = {b"requirements.txt": file(1)}
    install = Run(("pip", "install"))
    session = make(container, tree, [], rules=(Rule(("requirements*.txt",), install),))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        container.busy = anyio.Event()
        for content in (2, 3, 4):
            tree[b"requirements.txt"] = file(content)
            session.nudge(0, [b"requirements.txt"])
            for _ in range(50):  # in memory, it lands and is acknowledged meanwhile
                await anyio.lowlevel.checkpoint()
            assert (container.files, container.begun) == (tree, 1)
        container.busy.set()
        await idle(session)
        tasks.cancel_scope.cancel()

    assert container.ran == [("pip", "install")] * 2


NAMES = [b"a", b"b", b"d", b"d/a", b"d/e", b"d/e/f", b"\xff\n x"]
EDITS = st.tuples(st.sampled_from(NAMES), st.integers(0, 4), st.integers(0, 6))
FAULTS = st.lists(st.sampled_from(WIRE_FAULTS), max_size=12)
IMAGES = st.dictionaries(st.sampled_from(NAMES), st.integers(1, 4)).map(
    lambda files: grown(files.items())
)


def grown(files: Iterable[tuple[bytes, int]]) -> dict[bytes, Entry]:
    tree: dict[bytes, Entry] = {}
    for path, content in files:
        edit(tree, path, content)
    return tree


def edit(tree: dict[bytes, Entry], path: bytes, content: int) -> set[bytes]:
    """Write or delete a path as a person would; return what changed."""
    below = {p for p in tree if p.startswith(path + b"/")}
    changed = {path, *below}
    for gone in below:
        del tree[gone]
    tree.pop(path, None)
    if content:
        tree[path] = file(content)
        parent = path.rpartition(b"/")[0]
        while parent:
            if tree.get(parent) != DIR:
                tree[parent] = DIR
                changed.add(parent)
            parent = parent.rpartition(b"/")[0]
    return changed


@settings(max_examples=examples(300))
@given(IMAGES, st.lists(EDITS, max_size=15), FAULTS, st.booleans())
def test_any_edits_through_any_faults_converge(
    image: dict[bytes, Entry],
    edits: list[tuple[bytes, int, int]],
    faults: list[Fault],
    whole: bool,
) -> None:
    container = Container(image=image, faults=iter(faults), whole=whole)
    tree: dict[bytes, Entry] = {}

    async def scenario() -> None:
        session = make(container, tree, [], whole=whole)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(session.run)
            for path, content, pace in edits:
                changed = edit(tree, path, content)
                session.nudge(0, changed)
                for _ in range(pace):
                    await anyio.lowlevel.checkpoint()
            await idle(session)
            tasks.cancel_scope.cancel()

    anyio.run(scenario)

    if not whole:
        for path in [p for p in tree if tree[p].kind is Kind.FILE]:
            if any(other.startswith(path + b"/") for other in image):
                del tree[path]  # a foreign folder stands there, and is kept
    assert {p: e for p, e in container.files.items() if p in tree} == tree
    strange = container.files.keys() - tree.keys()
    assert strange <= (set() if whole else image.keys())


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name)
async def test_what_was_created_and_lost_and_deleted_does_not_come_back(
    fault: Fault,
) -> None:
    container = Container()
    tree: dict[bytes, Entry] = {}
    session = make(container, tree, [])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        container.faults = iter([fault])
        tree[b"a"] = file(1)
        session.nudge(0, [b"a"])
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        del tree[b"a"]
        session.nudge(0, [b"a"])
        await idle(session)
        tasks.cancel_scope.cancel()

    assert container.files == {}


async def test_what_went_into_a_folder_of_the_image_goes_although_it_was_lost() -> None:
    container = Container(image={b"d": DIR, b"d/theirs": file(1)})
    tree: dict[bytes, Entry] = {}
    session = make(container, tree, [])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        container.faults = iter([Fault.CUT_AFTER])
        tree |= {b"d": DIR, b"d/ours": file(2)}
        session.nudge(0, list(tree))
        while b"d/ours" not in container.files:
            await anyio.lowlevel.checkpoint()
        tree.clear()
        session.nudge(0, [b"d", b"d/ours"])
        await idle(session)
        tasks.cancel_scope.cancel()

    assert container.files == {b"d": DIR, b"d/theirs": file(1)}


@dataclass
class Restarting(Container):
    """A container that does not run until it is told to."""

    runs: bool = False

    @asynccontextmanager
    async def dial(self) -> AsyncIterator[MemoryLink]:
        if not self.runs:
            self.dials += 1
            raise NotRunning("container not found")
        async with super().dial() as link:
            yield link


async def test_a_container_that_is_said_to_run_again_is_met_at_once() -> None:
    container = Restarting()
    session = make(container, {b"a": file(1)}, [])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        while session.error is None:
            await anyio.lowlevel.checkpoint()
        container.runs = True
        session.hurry()
        with anyio.fail_after(2):
            await session.in_step.wait()
        tasks.cancel_scope.cancel()

    assert container.files == {b"a": file(1)}


class Longest(random.Random):
    """Draws the longest delay."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


async def test_a_container_that_is_another_one_now_ends_any_back_off() -> None:
    container = Container(faults=iter([Fault.CUT_BEFORE]))
    long = Backoff(first_s=3600, most_s=3600, draw=Longest())
    session = make(container, {b"a": file(1)}, [], backoff=long)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        while session.error is None:
            await anyio.lowlevel.checkpoint()
        session.hurry()
        with anyio.fail_after(5):
            await session.in_step.wait()
        tasks.cancel_scope.cancel()

    assert container.files == {b"a": file(1)}


async def test_a_container_in_a_crash_loop_is_tried_often_while_an_edit_waits() -> None:
    container = Restarting()
    tree = {b"a": file(1)}
    session = make(container, tree, [])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        while session.error is None:
            await anyio.lowlevel.checkpoint()
        session.nudge(0, [b"a"])
        with anyio.fail_after(2):
            while container.dials < 4:
                await anyio.lowlevel.checkpoint()
            container.runs = True  # and nobody says so
            await session.in_step.wait()
        tasks.cancel_scope.cancel()

    assert container.files == {b"a": file(1)}

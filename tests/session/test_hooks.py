"""Commands that landed changes ask for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import anyio

from syncd.events import Event, HookDropped, HookRan
from syncd.plan import Rule, Run
from syncd.session import Session
from tests.session.container import Container
from tests.session.test_session import file, idle, make, root


INSTALL = Run(("pip", "install"))
RULES = (Rule(("requirements*.txt",), INSTALL),)
PATH = b"requirements.txt"


@asynccontextmanager
async def running(session: Session) -> AsyncIterator[None]:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(session.run)
        await session.in_step.wait()
        yield
        tasks.cancel_scope.cancel()


async def test_a_command_that_takes_the_container_down_twice_is_dropped_and_told() -> (
    None
):
    container = Container(image={PATH: file(1)}, deadly=True)
    tree = {PATH: file(1)}
    events: list[Event] = []
    session = make(container, tree, events, rules=RULES)

    async with running(session):
        tree[PATH] = file(2)
        session.nudge(0, [PATH])
        await idle(session)
        assert container.begun == 2

        dropped = [event for event in events if isinstance(event, HookDropped)]
        assert [(event.action, event.command) for event in dropped] == [
            ("run", "pip install")
        ]
        assert "pip install" in session.dropped


async def test_a_command_that_was_dropped_has_another_chance_with_the_next_edit() -> (
    None
):
    container = Container(image={PATH: file(1)}, deadly=True)
    tree = {PATH: file(1)}
    session = make(container, tree, [], rules=RULES)

    async with running(session):
        tree[PATH] = file(2)
        session.nudge(0, [PATH])
        await idle(session)
        container.deadly = False
        tree[b"other"] = file(1)
        session.nudge(0, [b"other"])
        await idle(session)
        assert container.ran == []

        tree[PATH] = file(3)
        session.nudge(0, [PATH])
        await idle(session)

    assert container.ran == [INSTALL.argv]
    assert session.dropped == ""


async def test_a_link_that_breaks_once_while_a_command_runs_costs_only_time() -> None:
    container = Container(image={PATH: file(1)}, deadly=True)
    tree = {PATH: file(1)}
    events: list[Event] = []
    session = make(container, tree, events, rules=RULES)

    async with running(session):
        tree[PATH] = file(2)
        session.nudge(0, [PATH])
        while not container.begun:
            await anyio.lowlevel.checkpoint()
        container.deadly = False
        await idle(session)

    assert container.ran == [INSTALL.argv]
    assert [type(e) for e in events if isinstance(e, HookRan | HookDropped)] == [
        HookRan
    ]


async def test_a_command_runs_in_the_root_whose_file_asks_for_it() -> None:
    container = Container()
    beside = replace(root({PATH: file(1)}, rules=RULES), remote="/worker")
    session = make(container, {}, [], rules=RULES, beside=[beside])

    async with running(session):
        await idle(session)

    assert container.places == ["/worker"]

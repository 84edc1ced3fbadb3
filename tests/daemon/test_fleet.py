from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from syncd.cluster import Replica, View
from syncd.daemon.fleet import Fleet
from syncd.daemon.pulse import Pulse
from syncd.errors import TransportError
from syncd.events import Event, SessionEnded, SessionLost
from syncd.session import Link, Ways
from tests.session.container import Container, MemoryLink


def replica(uid: str) -> Replica:
    return Replica(
        namespace="default",
        pod="web-0",
        uid=uid,
        container="app",
        container_id=uid,
        image="web:1",
        ready=True,
        restarts=0,
        node="",
    )


async def test_a_container_has_ended_before_its_successor_of_the_same_name_begins() -> (
    None
):
    events: list[Event] = []
    dialled = anyio.Event()
    gone = anyio.Event()

    @asynccontextmanager
    async def dial(uid: str) -> AsyncIterator[Link]:
        if uid == "new":
            raise TransportError("refused")
        dialled.set()
        try:
            await anyio.sleep_forever()
            yield MemoryLink(Container())
        finally:
            with anyio.CancelScope(shield=True):
                await gone.wait()

    def ways(of: Replica) -> Ways:
        return Ways(lambda: dial(of.uid))

    async with anyio.create_task_group() as tasks:
        fleet = Fleet("statefulset/web", (), ways, tasks, events.append, Pulse())
        fleet.see(View((replica("old"),), ()))
        await dialled.wait()
        fleet.see(View((replica("new"),), ()))
        while not any(isinstance(event, SessionLost) for event in events):
            await anyio.lowlevel.checkpoint()
        gone.set()
        tasks.cancel_scope.cancel()

    told = [e for e in events if isinstance(e, SessionEnded | SessionLost)]
    assert [type(event) for event in told] == [SessionEnded, SessionLost]

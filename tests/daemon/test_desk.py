"""Waiting, with sessions that are played: what a real one takes is in `endtoend`."""

from dataclasses import dataclass, field
from typing import Any, cast

import anyio

from syncd.control import Record
from syncd.daemon.desk import Desk
from syncd.daemon.diary import Diary
from syncd.daemon.pulse import Pulse


TRIES = 1000


class Played:
    """A session that was told of so many changes, and holds so many."""

    error = None
    failing = 0

    def __init__(self, noted: int, landed: int) -> None:
        self.noted, self.landed = noted, landed

    def holds(self, noted: int) -> bool:
        return self.landed >= noted


@dataclass
class Fleet:
    sessions: tuple[Played, ...]
    target: str = "deployment/web"


@dataclass
class Live:
    fleet: Fleet
    rebuilding: None = None


@dataclass
class Folders:
    certain: bool = True
    looked: anyio.Event = field(default_factory=anyio.Event)

    async def look(self) -> None:
        self.looked.set()


def at(address: int) -> Played:
    """Return a new session, at an address if that can be had."""
    others = []
    for _ in range(TRIES):
        others.append(Played(noted=0, landed=0))
        if id(others[-1]) == address:
            break
    return others[-1]


async def test_a_wait_takes_no_new_session_for_the_one_that_was_there() -> None:
    pulse, folders = Pulse(), Folders()
    live = Live(Fleet((Played(noted=5, landed=0),)))
    desk = Desk(Record("/p", 1, "", (), ""), Diary(), pulse, lambda: None)
    desk.open(cast("Any", None), cast("Any", [live]), cast("Any", folders), lambda: 7)

    with anyio.fail_after(20):
        async with anyio.create_task_group() as tasks:

            async def wait() -> None:
                waited = await desk.wait(ready=False)
                assert (waited.batch, waited.replicas) == (7, 1)

            tasks.start_soon(wait)
            await folders.looked.wait()
            await anyio.wait_all_tasks_blocked()
            address = id(live.fleet.sessions[0])
            live.fleet.sessions = ()
            live.fleet.sessions = (at(address),)
            pulse.beat()

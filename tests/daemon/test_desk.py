"""Waiting, with sessions that are played: what a real one takes is in `endtoend`."""

from typing import Any, cast

import anyio

from syncd.control import Record
from syncd.daemon.desk import Desk
from syncd.daemon.diary import Diary
from tests.daemon.played import Fleet, Folders, Live, Played


TRIES = 1000


def at(address: int) -> Played:
    """Return a new session, at an address if that can be had."""
    others = []
    for _ in range(TRIES):
        others.append(Played(noted=0, landed=0))
        if id(others[-1]) == address:
            break
    return others[-1]


async def test_a_wait_takes_no_new_session_for_the_one_that_was_there() -> None:
    folders, live = Folders(), Live(Fleet((Played(noted=5, landed=0),)))
    pulse = live.fleet.pulse
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

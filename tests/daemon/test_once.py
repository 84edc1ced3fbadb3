"""What `syncd sync` waits for, with sessions that are played."""

from typing import Any, cast

import anyio

from syncd.daemon.once import Once
from tests.daemon.played import Fleet, Folders, Live, Played


async def test_a_container_that_is_being_started_again_is_waited_for() -> None:
    live = Live(Fleet(()))
    pulse = live.fleet.pulse
    once = Once(cast("Any", [live]), cast("Any", Folders()), pulse, 20)
    passed: list[str] = []

    async def wait() -> None:
        assert await once.until_in_step() == 0
        passed.append("in step")
        live.fleet.sessions = ()
        await once.until_ran()
        passed.append("ran")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        for said in ([], ["in step"], ["in step", "ran"]):
            await anyio.wait_all_tasks_blocked()
            assert passed == said
            live.fleet.sessions = (Played(noted=0, landed=0),)
            pulse.beat()

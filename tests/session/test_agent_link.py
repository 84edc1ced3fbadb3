from typing import Never

import anyio
import pytest

from syncd.session.agent_link import AgentLink
from syncd.session.stream import Patience, Silent


class Mute:
    """A stream that takes everything and says nothing."""

    protocol = "none"

    async def send(self, data: bytes) -> None:
        await anyio.lowlevel.checkpoint()

    async def receive(self) -> Never:
        await anyio.sleep_forever()
        raise AssertionError("for ever has ended")


async def test_silence_is_noticed_soon_while_an_answer_is_owed() -> None:
    link = AgentLink(Mute(), [], Patience(working_s=0.1))

    with anyio.fail_after(5), pytest.RaisesGroup(Silent):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.serve)
            await link.run(["true"], cwd=None, timeout_s=1)


async def test_silence_is_nothing_while_there_is_nothing_to_say() -> None:
    link = AgentLink(Mute(), [], Patience(working_s=0.1))

    with anyio.move_on_after(0.5) as scope:
        await link.serve()

    assert scope.cancelled_caught

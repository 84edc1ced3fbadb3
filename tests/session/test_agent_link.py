import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Never

import anyio
import pytest

from syncd.session.agent_link import AgentLink
from syncd.session.answers import gathered
from syncd.session.stream import Patience, Silent
from tests.agent_driver import everything, tree_at, written
from tests.places import local, remote
from tests.session.linked import linked


__all__ = ["local", "remote"]


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


async def test_signs_of_life_are_asked_for_while_a_slow_disk_is_read(
    local: Path, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(local, a="x")
    read, spun_up = os.read, threading.Event()

    def read_slowly(file: int, size: int) -> bytes:
        if threading.current_thread() is not threading.main_thread():
            spun_up.wait(20)
        return read(file, size)

    patience = Patience(ping_s=0.05, silence_s=0.2, working_s=0.2)
    async with linked(local, remote, patience) as (link, pipes):
        monkeypatch.setattr(os, "read", read_slowly)
        asked = pipes.pings
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.send, 1, 0, everything(local), {})
            with anyio.fail_after(10):
                while pipes.pings < asked + 10:
                    await anyio.sleep(0.01)
            spun_up.set()
        ack = await link.ack(1)

    assert ack.files == 1
    assert tree_at(remote) == tree_at(local)


def test_what_comes_slowly_is_passed_on_before_there_is_much_of_it() -> None:
    now = 0.0

    def frames() -> Iterator[bytes]:
        nonlocal now
        yield from (b"a", b"b")
        now = 9.0
        yield from (b"c", b"d")

    pieces = list(gathered(frames(), lambda: now))

    assert pieces == [(b"ab", True), (b"cd", False)]


async def test_it_is_told_when_a_batch_had_landed_by_the_clock_there(
    local: Path, remote: Path
) -> None:
    written(local, a="x")
    before_s = time.time()
    async with linked(local, remote, Patience()) as (link, _):
        await link.send(1, 0, everything(local), {})
        ack = await link.ack(1)

    assert ack.landed_at_s is not None
    assert before_s <= ack.landed_at_s <= time.time()

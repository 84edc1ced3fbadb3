from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import anyio
import pytest

from syncd.cluster import Exit, Output
from syncd.errors import TransportError
from syncd.session.link import Ran
from syncd.session.shell_link import ShellLink
from syncd.session.stream import Stream


class Slow:
    """A command that says nothing for a while, and then ends."""

    protocol = "none"

    def __init__(self, silent_s: float) -> None:
        self._silent_s = silent_s
        self._said = iter((Output(1, b"done\n"), Exit(0)))

    async def send(self, data: bytes) -> None:
        raise AssertionError("it has no stdin")

    async def receive(self) -> Output | Exit:
        await anyio.sleep(self._silent_s)
        return next(self._said)


def link(silent_s: float) -> ShellLink:
    @asynccontextmanager
    async def run(argv: Sequence[str]) -> AsyncIterator[Stream]:
        yield Slow(silent_s)

    return ShellLink(run, [], why="no Python", silent_s=0.05)


async def test_a_command_may_be_silent_for_as_long_as_it_may_take() -> None:
    ran = await link(0.2).run(["make"], cwd=None, timeout_s=20)

    assert ran == Ran(0, "done\n")


async def test_a_command_that_takes_too_long_is_told_as_such() -> None:
    ran = await link(60).run(["make"], cwd=None, timeout_s=0.1)

    assert ran == Ran(None, "")


async def test_a_question_that_is_not_answered_is_a_lost_link() -> None:
    with pytest.raises(TransportError, match="said nothing"):
        await link(60).meet()

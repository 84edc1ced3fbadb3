"""The session's link to the real agent, as a process over pipes."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import Process

from syncd.agent import boot
from syncd.cluster import Exit, Output
from syncd.plan import Plan
from syncd.session import Patience, Root
from syncd.session.agent_link import AgentLink


class Pipes:
    """The stdin and stdout of a process, as a `Stream`.

    Attributes:
        pings: How often a sign of life was asked for.
    """

    protocol = "none"

    def __init__(self, process: Process) -> None:
        self.pings = 0
        self._process = process

    async def send(self, data: bytes) -> None:
        assert self._process.stdin is not None
        self.pings += b'"op":"ping"' in data
        await self._process.stdin.send(data)

    async def receive(self) -> Output | Exit:
        assert self._process.stdout is not None
        try:
            return Output(1, await self._process.stdout.receive())
        except anyio.EndOfStream:
            return Exit(await self._process.wait())


def root(local: Path, remote: Path) -> Root:
    return Root(
        local=bytes(local),
        remote=str(remote),
        tree={},
        content=lambda _: None,
        ignored=lambda _, __: False,
        look_again=lambda _: None,
        plan=Plan(()),
    )


@asynccontextmanager
async def linked(
    local: Path, remote: Path, patience: Patience
) -> AsyncIterator[tuple[AgentLink, Pipes]]:
    """Open a link from `local` to `remote`; it is served until it is closed."""
    argv, payload = boot(sys.executable)
    async with await anyio.open_process(argv) as process:
        pipes = Pipes(process)
        link = AgentLink(pipes, [root(local, remote)], patience)
        await link.meet(payload, "python")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(link.serve)
            yield link, pipes
            tasks.cancel_scope.cancel()
        await link.close()

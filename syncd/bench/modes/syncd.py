"""syncd itself: nothing is pushed, the daemon sees the save."""

import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
from anyio.abc import ByteReceiveStream, Process, TaskGroup
from anyio.streams.buffered import BufferedByteReceiveStream

from syncd.bench import watching
from syncd.bench.look import Endpoint
from syncd.bench.meter import Look
from syncd.bench.modes.daemon import Daemon
from syncd.bench.modes.process import end as ended
from syncd.bench.split import Heard
from syncd.cluster.tasks import task_group
from syncd.config import Settings
from syncd.errors import TargetError


IN_STEP_S = 60.0
_LONGEST_LINE = 1 << 20


class Syncd(Daemon):
    """The daemon, in a process of its own.

    Args:
        endpoint: Where the target is served.
        agents: Looks at what its agents have used.
        settings: The target, with a copy of the folder.
        scratch: Where the process may keep its state.
    """

    def __init__(
        self, endpoint: Endpoint, agents: Look, settings: Settings, scratch: Path
    ) -> None:
        super().__init__("syncd", endpoint, agents)
        self._settings = settings
        self._scratch = scratch

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Run the daemon, in step before the block begins."""
        async with task_group() as tasks:
            process = await self._start(tasks)
            self.pid = process.pid
            try:
                with anyio.fail_after(IN_STEP_S):
                    await self.until(_is_in_step)
                if not _is_in_step(self.heard):
                    raise TargetError(f"syncd ended: {_reason(self.heard)}")
                yield
            except TimeoutError:
                raise TargetError("syncd is not in step with the target") from None
            finally:
                await ended(process)
                tasks.cancel_scope.cancel()

    async def _start(self, tasks: TaskGroup) -> Process:
        process = await _open("watch", self._scratch)
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdin.send(json.dumps(watching.document(self._settings)).encode())
        await process.stdin.aclose()
        tasks.start_soon(partial(self._listen, process.stdout))
        return process

    async def _listen(self, stream: ByteReceiveStream) -> None:
        lines = BufferedByteReceiveStream(stream)
        try:
            while True:
                line = await lines.receive_until(b"\n", _LONGEST_LINE)
                self.hear(json.loads(line))
        except (anyio.EndOfStream, anyio.IncompleteRead):
            self.end()


async def restore(settings: Settings, scratch: Path) -> None:
    """Bring the target back in step with the folder as it is, and be done.

    Raises:
        TargetError: If that could not be done.
    """
    process = await _open("once", scratch)
    assert process.stdin is not None
    async with process:
        await process.stdin.send(json.dumps(watching.document(settings)).encode())
        await process.stdin.aclose()
        assert process.stdout is not None
        said = b"".join([part async for part in process.stdout])
        await process.wait()
    if process.returncode:
        heard = [json.loads(line) for line in said.splitlines()]
        raise TargetError(
            f"the target is not as it was before: {_reason(heard)}",
            hint="bring it back in step with syncd sync",
        )


async def _open(how: str, scratch: Path) -> Process:
    argv = [sys.executable, "-m", watching.__name__]
    return await anyio.open_process(
        [*argv, "--once"] if how == "once" else argv,
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env={**os.environ, "XDG_STATE_HOME": str(scratch / "state")},
        start_new_session=True,
    )


def _is_in_step(heard: list[Heard]) -> bool:
    return any(event["event"] == "syncd.in_step" for event in heard)


def _reason(heard: list[Heard]) -> str:
    said = [str(e["message"]) for e in heard if e["event"] == "error"]
    return said[-1] if said else "without a word"

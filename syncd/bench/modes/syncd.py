"""syncd itself: nothing is pushed, the daemon sees the save."""

import json
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
from anyio.abc import ByteReceiveStream, Process
from anyio.streams.buffered import BufferedByteReceiveStream

from syncd.bench import watching
from syncd.bench.look import Endpoint
from syncd.bench.meter import Look
from syncd.bench.modes.daemon import Daemon
from syncd.bench.modes.process import last_words, lasts, started
from syncd.bench.split import Heard
from syncd.cluster.tasks import task_group
from syncd.config import Settings
from syncd.errors import TargetError


IN_STEP_S = 60.0
_LONGEST_LINE = 1 << 20
_LOG = "syncd.log"


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
        self._process: Process | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Run the daemon, in step before the block begins."""
        async with (
            task_group() as tasks,
            _running(self._settings, self._scratch) as self._process,
        ):
            self.pid = self._process.pid
            assert self._process.stdout is not None
            tasks.start_soon(self._listen, self._process.stdout)
            with anyio.move_on_after(IN_STEP_S) as waiting:
                await self.until(_is_in_step)
            if waiting.cancelled_caught:
                raise TargetError("syncd is not in step with the target")
            if not _is_in_step(self.heard):
                await self.lasts()
            yield

    async def lasts(self) -> None:
        """Wait for the end of the daemon, which should have none."""
        assert self._process is not None
        await self.until(lambda _: False)
        what = ": ".join(["syncd", *_errors(self.heard)[-1:]])
        await lasts(self._process, what, self._scratch / _LOG)

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
    async with _running(settings, scratch, "--once") as process:
        assert process.stdout is not None
        said = b"".join([part async for part in process.stdout])
        code = await process.wait()
    if code:
        why = _errors([json.loads(line) for line in said.splitlines()])
        reason = why[-1] if why else last_words(scratch / _LOG)
        raise TargetError(
            f"the target is not as it was before: {reason or 'without a word'}",
            hint="bring it back in step with syncd sync",
        )


@asynccontextmanager
async def _running(
    settings: Settings, scratch: Path, *options: str
) -> AsyncGenerator[Process, None]:
    """Run the daemon while the block lasts; its events are its output."""
    async with started(
        [sys.executable, "-m", watching.__name__, *options],
        log=scratch / _LOG,
        environ={**os.environ, "XDG_STATE_HOME": str(scratch / "state")},
        piped=True,
    ) as process:
        assert process.stdin is not None
        with suppress(anyio.BrokenResourceError):  # it says itself why it has ended
            await process.stdin.send(json.dumps(watching.document(settings)).encode())
            await process.stdin.aclose()
        yield process


def _is_in_step(heard: list[Heard]) -> bool:
    return any(event["event"] == "syncd.in_step" for event in heard)


def _errors(heard: list[Heard]) -> list[str]:
    return [str(event["message"]) for event in heard if event["event"] == "error"]

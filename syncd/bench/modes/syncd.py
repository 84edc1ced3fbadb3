"""syncd itself: nothing is pushed, the daemon sees the save."""

import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from subprocess import DEVNULL, PIPE

import anyio
from anyio.abc import ByteReceiveStream, Process, TaskGroup
from anyio.streams.buffered import BufferedByteReceiveStream

from syncd.bench import usage, watching
from syncd.bench.edits import Edit
from syncd.bench.look import Endpoint
from syncd.bench.modes.mode import Account, Mode
from syncd.bench.modes.process import end
from syncd.bench.samples import Cost
from syncd.bench.split import Batch, Heard, batches
from syncd.cluster.tasks import task_group
from syncd.config import Settings
from syncd.errors import TargetError


IN_STEP_S = 60.0
_APPLIED_S = 2.0  # for what follows an answer that is there already
_READY_S = 0.3
_LONGEST_LINE = 1 << 20


class Syncd(Mode):
    """The daemon, in a process of its own.

    Args:
        endpoint: Where the target is served.
        settings: The target, with a copy of the folder.
        scratch: Where the process may keep its state.
    """

    def __init__(self, endpoint: Endpoint, settings: Settings, scratch: Path) -> None:
        super().__init__("syncd", endpoint)
        self._settings = settings
        self._scratch = scratch
        self._heard: list[Heard] = []
        self._news = anyio.Event()
        self._is_over = False
        self._process: Process | None = None
        self._busy_cpu_s = self._busy_s = 0.0
        self._cpu_before: float | None = None
        self._began: tuple[float, float] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Run the daemon, in step before the block begins."""
        async with task_group() as tasks:
            process = self._process = await self._start(tasks)
            try:
                with anyio.fail_after(IN_STEP_S):
                    await self._until(_is_in_step)
                if not _is_in_step(self._heard):
                    raise TargetError(f"syncd ended: {_reason(self._heard)}")
                yield
            except TimeoutError:
                raise TargetError("syncd is not in step with the target") from None
            finally:
                await end(process)
                tasks.cancel_scope.cancel()

    async def push(self, edit: Edit) -> Account:
        """Note what the daemon has used so far."""
        del edit
        self._cpu_before = self._cpu()
        return Account()

    async def account(self, edit: Edit, pushed: Account) -> Account:
        """Return the batch that carried the edit, as the daemon told of it."""
        del pushed
        with anyio.move_on_after(_APPLIED_S):
            await self._until(lambda _: bool((b := self._batch(edit)) and b.is_done))
        with anyio.move_on_after(_READY_S):
            await self._until(lambda _: bool((b := self._batch(edit)) and b.is_ready))
        used, now = self._cpu(), time.monotonic()
        took = None
        if used is not None and self._cpu_before is not None:
            took = used - self._cpu_before
            self._busy_cpu_s += took
            self._busy_s += now - edit.began_s
        batch = self._batch(edit)
        if batch is None:
            return Account(cpu_s=took)
        sent = sum(b.sent_bytes for b in self._batches(edit))
        return Account(batch.ends, batch.number, sent, took)

    def begin(self) -> None:
        """Count the cost from here on: the warm-up is over."""
        self._busy_cpu_s = self._busy_s = 0.0
        if (used := self._cpu()) is not None:
            self._began = (used, time.monotonic())

    def cost(self) -> Cost | None:
        """Return what the daemon used since `begin`."""
        if self._process is None or self._began is None:
            return None
        if (used := usage.used(self._process.pid)) is None:
            return None
        cpu_s, since_s = self._began
        return Cost(
            busy_cpu_s=self._busy_cpu_s,
            idle_cpu_s=max(used.cpu_s - cpu_s - self._busy_cpu_s, 0.0),
            idle_s=max(time.monotonic() - since_s - self._busy_s, 0.0),
            peak_rss=used.peak_rss,
        )

    def _cpu(self) -> float | None:
        assert self._process is not None
        used = usage.used(self._process.pid)
        return used.cpu_s if used else None

    def _batches(self, edit: Edit) -> list[Batch]:
        since = [event for event in self._heard if event["at"] >= edit.began_s]
        return [batch for batch in batches(since) if "scanned" in batch.ends]

    def _batch(self, edit: Edit) -> Batch | None:
        found = self._batches(edit)
        return found[-1] if found else None

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
                self._heard.append(json.loads(line))
                self._tell()
        except (anyio.EndOfStream, anyio.IncompleteRead):
            self._is_over = True
            self._tell()

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()

    async def _until(self, satisfied: Callable[[list[Heard]], bool]) -> None:
        while not satisfied(self._heard) and not self._is_over:
            await self._news.wait()


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

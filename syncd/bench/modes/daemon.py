"""A daemon that is listened to: what became of an edit, and what that cost."""

import time
from collections.abc import Callable

import anyio

from syncd.bench import usage
from syncd.bench.edits import Edit
from syncd.bench.look import Endpoint
from syncd.bench.modes.mode import Account, Mode
from syncd.bench.samples import Cost
from syncd.bench.split import Batch, Heard, batches


_APPLIED_S = 2.0  # for what follows an answer that is there already
_READY_S = 0.3


class Daemon(Mode):
    """Nothing is pushed: the daemon sees the save.

    Args:
        name: What people call it.
        endpoint: Where the target is served.

    Attributes:
        pid: Its process, once there is one.
        heard: Its events, each with `at`, the monotonic time at which it was said.
    """

    def __init__(self, name: str, endpoint: Endpoint) -> None:
        super().__init__(name, endpoint)
        self.pid: int | None = None
        self.heard: list[Heard] = []
        self._news = anyio.Event()
        self._is_over = False
        self._busy_cpu_s = self._busy_s = 0.0
        self._cpu_before: float | None = None
        self._began: tuple[float, float] | None = None

    def hear(self, event: Heard) -> None:
        """Take in an event."""
        self.heard.append(event)
        self._tell()

    def end(self) -> None:
        """Take that there will be no more events."""
        self._is_over = True
        self._tell()

    async def until(self, satisfied: Callable[[list[Heard]], bool]) -> None:
        """Wait until the events satisfy a condition, or there are no more."""
        while not satisfied(self.heard) and not self._is_over:
            await self._news.wait()

    async def push(self, edit: Edit) -> Account:
        """Note what the daemon has used so far."""
        del edit
        self._cpu_before = self._cpu()
        return Account()

    async def account(self, edit: Edit, pushed: Account) -> Account:
        """Return the batch that carried the edit, as the daemon told of it."""
        del pushed
        with anyio.move_on_after(_APPLIED_S):
            await self.until(lambda _: bool((b := self._batch(edit)) and b.is_done))
        with anyio.move_on_after(_READY_S):
            await self.until(lambda _: bool((b := self._batch(edit)) and b.is_ready))
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
        if self.pid is None or self._began is None:
            return None
        if (used := usage.used(self.pid)) is None:
            return None
        cpu_s, since_s = self._began
        return Cost(
            busy_cpu_s=self._busy_cpu_s,
            idle_cpu_s=max(used.cpu_s - cpu_s - self._busy_cpu_s, 0.0),
            idle_s=max(time.monotonic() - since_s - self._busy_s, 0.0),
            peak_rss=used.peak_rss,
        )

    def _cpu(self) -> float | None:
        used = usage.used(self.pid) if self.pid is not None else None
        return used.cpu_s if used else None

    def _batches(self, edit: Edit) -> list[Batch]:
        since = [event for event in self.heard if event["at"] >= edit.began_s]
        return [batch for batch in batches(since) if "scanned" in batch.ends]

    def _batch(self, edit: Edit) -> Batch | None:
        found = self._batches(edit)
        return found[-1] if found else None

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()

"""A daemon that is listened to: what became of an edit, and what that cost."""

from collections.abc import Callable

import anyio

from syncd.bench import usage
from syncd.bench.edits import Edit
from syncd.bench.look import Endpoint
from syncd.bench.meter import Look, Meter
from syncd.bench.modes.mode import Account, Mode
from syncd.bench.modes.process import Ended
from syncd.bench.samples import Costs
from syncd.bench.split import Batch, Heard, batches, merged


_APPLIED_S = 2.0  # for what follows an answer that is there already
_READY_S = 0.3


class Daemon(Mode):
    """Nothing is pushed: the daemon sees the save.

    Args:
        name: What people call it.
        endpoint: Where the target is served.
        agents: Looks at what its agents have used.

    Attributes:
        pid: Its process, once there is one.
        heard: Its events, each with `at`, the monotonic time at which it was said.
    """

    def __init__(self, name: str, endpoint: Endpoint, agents: Look) -> None:
        super().__init__(name, endpoint)
        self.pid: int | None = None
        self.heard: list[Heard] = []
        self._news = anyio.Event()
        self._is_over = False
        self._own, self._agents = Meter(self._used), Meter(agents)

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

    async def lasts(self) -> None:
        """Wait until there are no more events."""
        await self.until(lambda _: False)
        raise Ended("syncd ended")

    async def rest(self) -> None:
        """Note what has been used so far, of the daemon right before the edit."""
        await self._agents.before()
        await super().rest()
        await self._own.before()

    async def account(self, edit: Edit, pushed: Account) -> Account:
        """Return the batch that carried the edit, as the daemon told of it."""
        del pushed
        with anyio.move_on_after(_APPLIED_S):
            await self.until(lambda _: bool((b := self._batch(edit)) and b.is_done))
        with anyio.move_on_after(_READY_S):
            await self.until(lambda _: bool((b := self._batch(edit)) and b.is_ready))
        used = await self._own.after(), await self._agents.after()
        batch = self._batch(edit)
        if batch is None:
            return Account({}, None, None, *used)
        return Account(batch.ends, batch.number, batch.sent_bytes, *used)

    async def begin(self) -> None:
        """Count the cost from here on: the warm-up is over."""
        await self._own.begin()
        await self._agents.begin()

    async def costs(self) -> Costs:
        """Return what was used since `begin`."""
        return Costs(await self._own.cost(), await self._agents.cost())

    async def _used(self) -> usage.Usage | None:
        return usage.used(self.pid) if self.pid is not None else None

    def _batch(self, edit: Edit) -> Batch | None:
        since = [event for event in self.heard if event["at"] >= edit.began_s]
        return merged([each for each in batches(since) if "scanned" in each.ends])

    def _tell(self) -> None:
        self._news.set()
        self._news = anyio.Event()

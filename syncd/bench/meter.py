"""What is used for edits, told from what is used between them."""

import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from syncd.bench.samples import Cost
from syncd.bench.usage import Usage


Look = Callable[[], Awaitable[Usage | None]]
"""Returns what has been used since the start; None where that cannot be seen."""


class _Mark(NamedTuple):
    cpu_s: float
    at_s: float


class Meter:
    """Reads before and after each edit; what is used in between is the edit's.

    Args:
        look: Reads.
    """

    def __init__(self, look: Look) -> None:
        self._look = look
        self._began: _Mark | None = None
        self._before: _Mark | None = None
        self._busy = _Mark(0.0, 0.0)

    async def begin(self) -> None:
        """Count from here on."""
        self._began, self._busy = await self._mark(), _Mark(0.0, 0.0)

    async def before(self) -> None:
        """Take that an edit is about to be made."""
        self._before = await self._mark()

    async def after(self) -> float | None:
        """Take that it is over; return the processor time that was used for it."""
        before, now = self._before, await self._mark()
        if before is None or now is None:
            return None
        took = _Mark(max(now.cpu_s - before.cpu_s, 0.0), now.at_s - before.at_s)
        self._busy = _Mark(self._busy.cpu_s + took.cpu_s, self._busy.at_s + took.at_s)
        return took.cpu_s

    async def cost(self) -> Cost | None:
        """Return what was used since `begin`; None where that cannot be seen."""
        used, now = await self._look(), time.monotonic()
        if used is None or self._began is None:
            return None
        return Cost(
            busy_cpu_s=self._busy.cpu_s,
            idle_cpu_s=max(used.cpu_s - self._began.cpu_s - self._busy.cpu_s, 0.0),
            idle_s=max(now - self._began.at_s - self._busy.at_s, 0.0),
            peak_rss=used.peak_rss,
        )

    async def _mark(self) -> _Mark | None:
        used = await self._look()
        return _Mark(used.cpu_s, time.monotonic()) if used else None

"""From reloaded to ready: the container's own readiness probe, asked from inside."""

from collections.abc import Callable, Collection

import anyio

from syncd.cluster import Probe
from syncd.session.link import Link
from syncd.session.report import Report


TOLD_AFTER_S = 5.0  # a program that is not ready by then is told of
TRIES = 12  # of so long each, until nobody asks any more


class Readiness:
    """Asks, once batches have reloaded, until the container is ready with them.

    Args:
        link: The way in.
        probe: Returns the container's probe as it is now.
        report: Where events go.
    """

    def __init__(
        self, link: Link, probe: Callable[[], Probe | None], report: Report
    ) -> None:
        self._link = link
        self._probe = probe
        self._report = report
        self._reloaded: dict[int, float] = {}
        self._changed = anyio.Event()

    @property
    def asks(self) -> bool:
        """Whether there is a probe, and it can be asked."""
        return self._askable() is not None

    def tell_limits(self) -> None:
        """Tell if there is a probe that cannot be asked."""
        probe = self._probe()
        if probe is None:
            return
        if not self._link.asks:
            why = "asked without Python in the container"
        elif probe.kind == "grpc":
            why = "asked over gRPC"
        elif probe.kind != "exec" and not probe.port:
            why = "asked, as its port has a name that no port of the container has"
        else:
            return
        self._report.limited(f"the readiness probe is not {why}")

    def reloaded(self, batch: int, *, anew: bool) -> None:
        """Take that the program serves a batch; `anew` if it reloaded for it."""
        if anew and self.asks:
            self._reloaded[batch] = self._report.clock()
            self._changed.set()
        else:
            self._report.ready(batch, None, "")

    def failed(self) -> None:
        """Take that the program does not start: nothing will be ready now."""
        self._reloaded.clear()

    async def ask(self) -> None:
        """Ask whenever there is something to ask for, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed = anyio.Event()
            while self._reloaded:
                await self._ask_for(tuple(self._reloaded))

    async def _ask_for(self, batches: Collection[int]) -> None:
        probe = self._askable()
        for number in range(TRIES):
            waiting = [batch for batch in batches if batch in self._reloaded]
            if probe is None or not waiting:
                break
            reason = await self._link.ready(probe, TOLD_AFTER_S)
            if not reason:
                self._tell_ready(batches, probe)
                return
            if number == 0:
                self._tell_unready(waiting, probe, reason)
        for batch in batches:
            self._reloaded.pop(batch, None)

    def _tell_ready(self, batches: Collection[int], probe: Probe) -> None:
        now = self._report.clock()
        for batch in batches:
            since = self._reloaded.pop(batch, None)
            if since is not None:
                self._report.ready(batch, (now - since) * 1000, str(probe))

    def _tell_unready(
        self, batches: Collection[int], probe: Probe, reason: str
    ) -> None:
        times = {each: self._reloaded.get(each) for each in batches}
        since = {each: time for each, time in times.items() if time is not None}
        if since:  # or it has failed meanwhile
            waited_s = self._report.clock() - min(since.values())
            self._report.unready(tuple(since), probe, waited_s, reason)

    def _askable(self) -> Probe | None:
        probe = self._probe()
        if probe is None or not self._link.asks or probe.kind == "grpc":
            return None
        return probe if probe.port or probe.kind == "exec" else None

"""Keep one container in step with the local tree.

    dial ─▶ compare ─▶ ship ◀─ nudge (the daemon saw an edit)
      ▲                  │
      └──── back off ◀───┴─ the wire broke: what flew is in doubt

A new Pod, a restarted container and a broken stream are the same case: compare, send
the difference. A break is never an error to the daemon: a session ends only when it
is cancelled.
"""

from collections.abc import Collection, Sequence

import anyio
from anyio.abc import TaskGroup

from syncd import events
from syncd.cluster import NotRunning
from syncd.errors import SyncdError, TransportError, first
from syncd.session.backoff import Backoff
from syncd.session.link import Link
from syncd.session.mark import Mark
from syncd.session.observing import Observer
from syncd.session.owed import Owed, Root
from syncd.session.readiness import Readiness
from syncd.session.report import TOOK_DOWN, Report, Who
from syncd.session.shipping import Shipping
from syncd.session.stream import Silent
from syncd.session.ways import Ways


REFUSED_RETRY_S = 60.0  # a refusal may end without any event that we could see
OWED_RETRY_S = 0.1  # a container that dies at once must be met as soon as it starts
IDLE_RETRY_S = 5.0  # the same if nothing waits for it


class Session:
    """One container's life: `run` it, and `nudge` it when something changed.

    Args:
        who: The container, for events.
        roots: The sync roots, in the order that the link knows them.
        ways: How the container is reached.
        emit: Where events go.
        backoff: How long to wait before another link is tried.

    Attributes:
        in_step: Set from the end of a comparison until the link breaks.
        answered: Set once the container was compared, or has refused.
        error: Why the last link broke, or could not be opened.
        failures: How many paths the last comparison could not make equal.
    """

    def __init__(
        self,
        who: Who,
        roots: Sequence[Root],
        ways: Ways,
        emit: events.Emit,
        *,
        backoff: Backoff | None = None,
    ) -> None:
        self.who = who
        self.in_step = anyio.Event()
        self.answered = anyio.Event()
        self.error: SyncdError | None = None
        self.failures = 0
        self._owed = Owed(roots, self)
        self._report = Report(who, emit, anyio.current_time)
        self._ways = ways
        self._backoff = backoff or Backoff()
        self._hurried = anyio.Event()

    def nudge(
        self, root: int, paths: Collection[bytes], mark: Mark | None = None
    ) -> None:
        """Say that `paths` of a root changed; `mark` is told when they landed."""
        self._owed.note(root, paths, mark)

    def hurry(self) -> None:
        """Try again now, if there is no link: the container is said to run, anew."""
        self._hurried.set()
        self._owed.poke()

    @property
    def idle(self) -> bool:
        """Whether the container is in step and nothing is owed or under way."""
        return self.in_step.is_set() and self._owed.nothing

    @property
    def noted(self) -> int:
        """The number of the last `nudge`."""
        return self._owed.noted

    @property
    def failing(self) -> int:
        """How many paths could not be made equal."""
        return self._owed.failing

    def holds(self, noted: int) -> bool:
        """Tell whether the container is in step with all up to a `nudge`.

        Commands that a landed change asks for have run then.
        """
        landed = self._owed.landed >= noted and not self._owed.hooks.waiting
        return landed and self.in_step.is_set()

    @property
    def dropped(self) -> str:
        """Why a command that is asked for is not run any more, or ""."""
        actions = self._owed.hooks.dropped
        return "; ".join(f"{each} is not carried out: {TOOK_DOWN}" for each in actions)

    def leave(self) -> None:
        """Stop waiting for this container: it is gone, or out of reach for now."""
        self._owed.leave()

    async def run(self) -> None:
        """Stay in step until cancelled."""
        while True:
            error = await self._attempt()
            self._owed.lose()
            if (hook := self._owed.hooks.lose()) is not None:
                self._report.dropped(hook)
            self.leave()
            if self.in_step.is_set():
                self.in_step = anyio.Event()
            if isinstance(error, TransportError):
                await self._back_off(error)
            else:
                await self._wait_for_a_change(error)

    async def _attempt(self) -> SyncdError:
        """Hold one link until it breaks, and return why."""
        error: SyncdError | None = None
        started = anyio.current_time()
        try:
            async with self._ways.dial() as link, anyio.create_task_group() as tasks:
                tasks.start_soon(link.serve)
                self._report.connected(link.hello, started)
                observer = self._observe(link, tasks)
                shipping = Shipping(link, self._owed, self._report, self._ways.landed)
                self.failures = await shipping.reconcile(started, observer)
                self._backoff.reset()
                self.error = None
                self.in_step.set()
                self.answered.set()
                self._ways.notice()
                tasks.start_soon(shipping.carry_out)
                await shipping.ship(tasks, observer)
        except* SyncdError as group:
            error = first(group)
        assert error is not None, "a link ends only by breaking"
        return error

    def _observe(self, link: Link, tasks: TaskGroup) -> Observer:
        ways = self._ways
        readiness = Readiness(link, ways.probe, self._report)
        if ways.log is not None:
            readiness.tell_limits()
        tasks.start_soon(readiness.ask)
        observer = Observer(
            link, ways.log, self._owed, self._report, readiness, ways.patterns
        )
        tasks.start_soon(observer.hear)
        tasks.start_soon(observer.follow)
        tasks.start_soon(observer.wait)
        return observer

    async def _back_off(self, error: TransportError) -> None:
        delay_s = self._delay_s(error)
        if isinstance(error, NotRunning | Silent):
            # Nobody has told us; who should have may be as cut off as we were.
            self._ways.doubt()
        if str(self.error) != str(error):
            self._report.lost(error, delay_s)
        self.error = error
        with anyio.move_on_after(delay_s):
            if isinstance(error, NotRunning):
                await self._owed.wait()
            else:
                await self._hurried.wait()
        self._hurried = anyio.Event()

    def _delay_s(self, error: TransportError) -> float:
        if isinstance(error, NotRunning):
            return IDLE_RETRY_S if self._owed.nothing else OWED_RETRY_S
        return self._backoff.next_s()

    async def _wait_for_a_change(self, error: SyncdError) -> None:
        if str(self.error) != str(error):
            self._report.refused(error)
        self.error = error
        self.answered.set()
        self._ways.notice()
        with anyio.move_on_after(REFUSED_RETRY_S):
            await self._owed.wait()

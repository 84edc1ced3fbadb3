"""What goes over one open link: the comparison, then batch after batch."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import count

import anyio
from anyio.abc import TaskGroup

from syncd.plan import Action, Restart, Run
from syncd.session.comparing import check_roots, compare, look_into
from syncd.session.link import Ack, Link, Ran, Sent
from syncd.session.mark import Outcome
from syncd.session.observing import Observer
from syncd.session.owed import Owed, Turn
from syncd.session.report import Report
from syncd.session.unread import Unread
from syncd.tree import Change


COMPARISON = 0
"""The number that stands, in events, for what a comparison brought."""

_numbers = count(1)  # batch ids on the wire, never used twice by this process
_ASTRAY = {"missing", "missing-parent", "blocked"}


class Shipping:
    """Ship what is owed over `link`, for as long as it holds.

    Args:
        link: The way into the container.
        owed: What it is owed.
        report: Where events go.
        landed: Called when something has landed, or has run.
    """

    def __init__(
        self, link: Link, owed: Owed, report: Report, landed: Callable[[], None]
    ) -> None:
        self._link = link
        self._owed = owed
        self._report = report
        self._landed = landed
        self._clock = report.clock
        self._window = anyio.CapacityLimiter(link.window)
        self._answered = anyio.Event()
        self._unread = Unread(owed)

    async def reconcile(self, started: float, observer: Observer) -> int:
        """Compare every root and send the difference; return how many paths failed.

        Args:
            started: When the link was asked for.
            observer: Told of what was applied.

        Raises:
            TargetError: A root is missing in the container.
        """
        check_roots(self._link.hello, self._report.who)
        turn = self._owed.begin()
        turn.compared.update(range(len(self._owed.roots)))
        deliveries: list[tuple[Sent, Ack]] = []
        for index in sorted(turn.compared):
            flight = await self._launch(index, turn, observer)
            if flight is not None:
                deliveries.append((flight.sent, await self._land(flight)))
        turn.taken = True
        self._owed.settle(turn)
        self._report.reconciled(deliveries, self._owed.ledgers, started)
        if deliveries:
            observer.applied((COMPARISON,), turn)
        return sum(len(ack.failures) for _, ack in deliveries)

    async def ship(self, tasks: TaskGroup, observer: Observer) -> None:
        """Send a batch whenever something changed, several in flight at once.

        Where the container turns out not to be what the ledger says, as somebody else
        writes there too, it is compared once more, when nothing flies any more.

        Args:
            tasks: Where answers are waited for.
            observer: Told of what was applied.
        """

        async def land(flight: _Flight) -> None:
            await self._land(flight)
            self._settle(flight.turn, observer)

        tasks.start_soon(self._unread.try_again)
        while True:
            await self._owed.wait()
            if self._owed.astray:
                await self._until_nothing_flies()
            turn = self._owed.begin()
            for index in range(len(self._owed.roots)):
                flight = await self._launch(index, turn, observer)
                if flight is not None:
                    tasks.start_soon(land, flight)
            turn.taken = True
            self._settle(turn, observer)

    async def _until_nothing_flies(self) -> None:
        while any(ledger.flying for ledger in self._owed.ledgers):
            self._answered = anyio.Event()
            await self._answered.wait()

    def _settle(self, turn: Turn, observer: Observer) -> None:
        if self._owed.settle(turn):
            observer.applied([mark.number for mark in turn.marks], turn)
        self._landed()

    async def _launch(
        self, index: int, turn: Turn, observer: Observer
    ) -> "_Flight | None":
        """Send what a root is owed, if that is anything."""
        root, ledger = self._owed.roots[index], self._owed.ledgers[index]
        number = next(_numbers)
        await self._window.acquire_on_behalf_of(number)
        listed: set[bytes] = set()
        if index in turn.compared:
            listed = await compare(self._link, index, root, ledger)
        if root.whole:
            await look_into(self._link, index, root, ledger, listed)
        # At once: what is new here may be there as well, in a folder not listed yet.
        changes = ledger.take(root.tree)
        if not changes:
            self._window.release_on_behalf_of(number)
            return None
        held = ledger.held(changes)
        ledger.launch(number, changes)
        turn.unanswered += 1
        await observer.listening()
        turn.sent_s = turn.sent_s or self._clock()
        sent = await self._link.send(number, index, changes, held)
        self._report.sent(turn.marks, sent)
        return _Flight(number, index, changes, turn, sent, self._clock())

    async def _land(self, flight: "_Flight") -> Ack:
        """Wait for the acknowledgement, and take it into account."""
        ack = await self._link.ack(flight.number)
        ack = replace(ack, failures=(*ack.failures, *flight.sent.unread))
        self._window.release_on_behalf_of(flight.number)
        self._account(flight, ack)
        flight.turn.unanswered -= 1
        self._answered.set()
        return ack

    def _account(self, flight: "_Flight", ack: Ack) -> None:
        index, turn, torn = flight.root, flight.turn, flight.sent.torn
        tried = {change.path for change in flight.changes}
        failed = {failure.path for failure in ack.failures}
        landed = tried - failed - {*torn}
        self._owed.ledgers[index].land(flight.number, failed, torn)
        turn.landed += [(index, path) for path in sorted(landed)]
        turn.told += [flight.number] if ack.reloads else []
        turn.landed_at_s = ack.landed_at_s  # the agent applies them one by one
        self._owed.follow(index, landed)
        if torn:
            self._owed.roots[index].look_again(torn)
        if index not in turn.compared and any(f.code in _ASTRAY for f in ack.failures):
            turn.astray.add(index)  # whatever failed, it is tried once more
            turn.outcome += self._outcome(flight, failed=0)
            return
        outcome = self._outcome(flight, failed=len(failed))
        turn.outcome += outcome
        news = self._unread.take(index, tried, ack.failures)
        self._report.paths(news, ack.notes)
        self._report.applied(turn.marks, ack, outcome.applied_ms)

    def _outcome(self, flight: "_Flight", *, failed: int) -> Outcome:
        now, marks = self._clock(), flight.turn.marks
        first = min((mark.detected_at_s for mark in marks), default=now)
        return Outcome(
            size=flight.sent.size,
            failed=failed,
            packed_ms=flight.sent.packed_ms,
            sent_ms=flight.sent.sent_ms,
            applied_ms=(now - flight.handed_over_s) * 1000,
            total_ms=(now - first) * 1000,
        )

    # --- what follows ---------------------------------------------------------

    async def carry_out(self) -> None:
        """Run the hooks that landed changes ask for."""
        while True:
            action = await self._owed.hooks.begin()
            started = self._clock()
            ran = await self._act(action)
            self._owed.hooks.end()
            self._landed()
            self._report.ran(action, ran, started)

    async def _act(self, action: Action) -> Ran:
        match action:
            case Run(argv=argv, cwd=cwd, timeout_s=timeout_s):
                return await self._link.run(argv, cwd=cwd, timeout_s=timeout_s)
            case Restart(match=match, signal=signal):
                return await self._link.signal(match, signal)


@dataclass(frozen=True, slots=True)
class _Flight:
    """A batch that is sent and not acknowledged."""

    number: int
    root: int
    changes: Sequence[Change]
    turn: Turn
    sent: Sent
    handed_over_s: float

"""What goes over one open link: the comparison, then batch after batch."""

from collections.abc import Callable, Sequence
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
from syncd.tree import Change


COMPARISON = 0
"""The number that stands, in events, for what a comparison brought."""

_numbers = count(1)  # batch ids on the wire, never used twice by this process


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

    # --- comparing ------------------------------------------------------------

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
        deliveries = [
            delivery
            for index in range(len(self._owed.roots))
            for delivery in await self._even_out(index, turn, observer)
        ]
        turn.taken = True
        self._owed.settle(turn)
        self._report.reconciled(deliveries, self._owed.ledgers, started)
        if deliveries:
            observer.applied((COMPARISON,), turn)
        return sum(len(ack.failures) for _, ack in deliveries)

    async def _even_out(
        self, index: int, turn: Turn, observer: Observer
    ) -> list[tuple[Sent, Ack]]:
        """Compare one root and send the difference; return what was sent, if any."""
        root, ledger = self._owed.roots[index], self._owed.ledgers[index]
        listed = await compare(self._link, index, root, ledger)
        if root.whole:
            await look_into(self._link, index, root, ledger, listed)
        changes = ledger.take(root.tree)
        if not changes:
            return []
        await observer.listening()
        number, held = next(_numbers), ledger.held(changes)
        ledger.launch(number, changes)
        turn.sent_s = turn.sent_s or self._clock()
        sent = await self._link.send(number, index, changes, held)
        ack = await self._link.ack(number)
        self._account(number, index, changes, sent, ack, turn)
        return [(sent, ack)]

    # --- shipping -------------------------------------------------------------

    async def ship(self, tasks: TaskGroup, observer: Observer) -> None:
        """Send a batch whenever something changed, several in flight at once.

        Args:
            tasks: Where answers are waited for.
            observer: Told of what was applied.
        """
        while True:
            await self._owed.wait()
            turn = self._owed.begin()
            for index in range(len(self._owed.roots)):
                await self._launch(index, turn, tasks, observer)
            turn.taken = True
            self._settle(turn, observer)

    def _settle(self, turn: Turn, observer: Observer) -> None:
        if self._owed.settle(turn):
            observer.applied([mark.number for mark in turn.marks], turn)
        self._landed()

    async def _launch(
        self, index: int, turn: Turn, tasks: TaskGroup, observer: Observer
    ) -> None:
        root, ledger = self._owed.roots[index], self._owed.ledgers[index]
        number = next(_numbers)
        await self._window.acquire_on_behalf_of(number)
        if root.whole:
            await look_into(self._link, index, root, ledger, ())
        changes = ledger.take(root.tree)
        if not changes:
            self._window.release_on_behalf_of(number)
            return
        held = ledger.held(changes)
        ledger.launch(number, changes)
        turn.unanswered += 1
        await observer.listening()
        turn.sent_s = turn.sent_s or self._clock()
        sent = await self._link.send(number, index, changes, held)
        self._report.sent(turn.marks, sent)

        async def land() -> None:
            handed_over = self._clock()
            ack = await self._link.ack(number)
            self._window.release_on_behalf_of(number)
            applied_ms = (self._clock() - handed_over) * 1000
            self._account(number, index, changes, sent, ack, turn)
            turn.unanswered -= 1
            turn.outcome = self._outcome(turn, sent, ack, applied_ms)
            self._report.applied(turn.marks, ack, applied_ms)
            self._settle(turn, observer)
            if any(failure.code == "missing-parent" for failure in ack.failures):
                # Somebody in the container took a folder away: compare once more.
                await self._even_out(index, turn, observer)

        tasks.start_soon(land)

    def _account(
        self,
        number: int,
        index: int,
        changes: Sequence[Change],
        sent: Sent,
        ack: Ack,
        turn: Turn,
    ) -> None:
        failed = {failure.path for failure in ack.failures}
        self._owed.ledgers[index].land(number, failed, sent.torn)
        landed = {change.path for change in changes} - failed - {*sent.torn}
        turn.landed += [(index, path) for path in sorted(landed)]
        turn.told += [number] if ack.reloads else []
        self._owed.follow(index, landed)
        if sent.torn:
            self._owed.roots[index].look_again(sent.torn)
        self._report.paths(ack.failures, ack.notes)

    def _outcome(self, turn: Turn, sent: Sent, ack: Ack, applied_ms: float) -> Outcome:
        first = min((mark.detected_at_s for mark in turn.marks), default=self._clock())
        return Outcome(
            size=turn.outcome.size + sent.size,
            failed=turn.outcome.failed + len(ack.failures),
            packed_ms=turn.outcome.packed_ms + sent.packed_ms,
            sent_ms=turn.outcome.sent_ms + sent.sent_ms,
            applied_ms=turn.outcome.applied_ms + applied_ms,
            total_ms=(self._clock() - first) * 1000,
        )

    # --- what follows ---------------------------------------------------------

    async def carry_out(self) -> None:
        """Run the hooks that landed changes ask for, in order, each until it ran."""
        while True:
            while self._owed.actions:
                action = self._owed.actions[0]
                started = self._clock()
                self._owed.acting = True
                try:
                    ran = await self._act(action)
                finally:
                    self._owed.acting = False
                self._owed.actions.remove(action)
                self._landed()
                self._report.ran(action, ran, started)
            await self._owed.wait_for_action()

    async def _act(self, action: Action) -> Ran:
        match action:
            case Run():
                return await self._link.run(
                    action.argv,
                    cwd=action.cwd or self._owed.roots[0].remote,
                    timeout_s=action.timeout_s,
                )
            case Restart():
                return await self._link.signal(action.match, action.signal)

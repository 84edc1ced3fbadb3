"""All replicas of one target, each with its session."""

import dataclasses
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import anyio
from anyio.abc import TaskGroup

from syncd import events
from syncd.cluster import Replica, View
from syncd.daemon.folder import Edit
from syncd.daemon.pulse import Pulse
from syncd.session import Mark, Root, Session, Ways, Who


NAMED = 20  # how many of its paths a batch names in events
STEADY_S = 1.0  # why Pods are left out is told once it has stood this long


@dataclass(slots=True)
class _Berth:
    """A session and the container it is for; `runs` says whether that runs now."""

    session: Session
    scope: anyio.CancelScope
    container_id: str
    runs: bool


@dataclass(frozen=True, slots=True)
class _Names:
    """What people are told of a view."""

    replicas: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    note: str


class Fleet:
    """Starts a session for each container that appears, and ends it when it goes.

    A container that ended and will be started again keeps its session: in a crash loop
    it may live for less than it takes to hear of it, and the next edit has to get in.

    Args:
        target: The target's name, for events.
        roots: Its sync roots; all sessions share them.
        ways: How to reach each container.
        tasks: Where the sessions run.
        emit: Where events go.
        pulse: Beats when there are other sessions, or one is in another state.

    Attributes:
        view: The last view of the target's Pods; None before the first.
        pulse: As given.
    """

    def __init__(
        self,
        target: str,
        roots: Sequence[Root],
        ways: Callable[[Replica], Ways],
        tasks: TaskGroup,
        emit: events.Emit,
        pulse: Pulse,
    ) -> None:
        self.target = target
        self.view: View | None = None
        self._roots = roots
        self._ways = ways
        self._tasks = tasks
        self._emit = emit
        self.pulse = pulse
        self._berths: dict[str, _Berth] = {}
        self._moves = Pulse()
        self._told: _Names | None = None

    @property
    def sessions(self) -> tuple[Session, ...]:
        """The sessions of the containers that run."""
        return tuple(berth.session for berth in self._berths.values() if berth.runs)

    def containers(self) -> Iterator[tuple[Replica, Session, bool]]:
        """Yield each container with its session, and whether it runs now."""
        view = self.view or View()
        for replica in (*view.replicas, *view.returning):
            berth = self._berths.get(_identity(replica))
            if berth is not None:
                yield replica, berth.session, berth.runs

    async def until(self, satisfied: Callable[[Sequence[Session]], bool]) -> None:
        """Wait until the sessions satisfy a condition."""
        await self._moves.until(lambda: satisfied(self.sessions))

    async def changed(self) -> None:
        """Wait until there are other sessions, or one is in step or refused."""
        await self._moves.next()

    def level(self, pods: Collection[str]) -> Collection[str]:
        """Return which of `pods` are in step, or have refused to be."""
        return {
            session.who.pod
            for session in self.sessions
            if session.who.pod in pods and session.answered.is_set()
        }

    def see(self, view: View) -> None:
        """Take in which containers there are now."""
        self.view = view
        there = {_identity(replica) for replica in (*view.replicas, *view.returning)}
        for gone in self._berths.keys() - there:
            self._let_go(self._berths.pop(gone))
        for replica in view.replicas:
            self._board(replica, runs=True)
        for replica in view.returning:
            self._board(replica, runs=False)
        if self._told is None or self._told.replicas != _names(view).replicas:
            self._tell(view)
        self._notice()

    async def tell_when_steady(self) -> None:
        """Tell why Pods are left out, once it stays so; until cancelled.

        A Pod that starts goes through half a dozen reasons within a second.
        """
        while True:
            view = self.view
            with anyio.move_on_after(STEADY_S):
                await self._moves.next()
                continue
            if view is not None and self._told != _names(view):
                self._tell(view)
            await self._moves.next()

    def _tell(self, view: View) -> None:
        self._told = _names(view)
        self._emit(
            events.TargetChanged(
                target=self.target,
                replicas=self._told.replicas,
                skipped=dict(self._told.skipped),
                note=self._told.note,
            )
        )

    def spread(self, root: int, edit: Edit, number: int) -> None:
        """Tell every session of an edit, and follow it as batch `number`."""
        tree = self._roots[root].tree
        deleted = sum(path not in tree for path in edit.paths)
        mark = Mark(
            number=number,
            target=self.target,
            paths=tuple(sorted(edit.paths)[:NAMED]),
            files=len(edit.paths) - deleted,
            deleted=deleted,
            detected_at_s=edit.detected_at_s,
            settled_ms=edit.settled_ms,
            scanned_ms=edit.scanned_ms,
            emit=self._emit,
        )
        self._emit(
            events.BatchSettled(
                batch=number,
                target=self.target,
                files=mark.files,
                deleted=deleted,
                settled_ms=edit.settled_ms,
                scanned_ms=edit.scanned_ms,
            )
        )
        level = [session for session in self.sessions if session.in_step.is_set()]
        mark.behind = len(self._berths) - len(level)
        for berth in self._berths.values():
            waits = mark if berth.session in level else None
            berth.session.nudge(root, edit.paths, waits)
        mark.expect(level)

    def _board(self, replica: Replica, *, runs: bool) -> None:
        berth = self._berths.get(_identity(replica))
        if berth is None:
            berth = self._new_berth(replica)
            self._berths[_identity(replica)] = berth
            self._tasks.start_soon(self._sail, berth)
        elif runs and (not berth.runs or berth.container_id != replica.container_id):
            berth.session.hurry()
            if berth.container_id != replica.container_id:
                self._emit(
                    events.ContainerRestarted(
                        target=self.target,
                        pod=replica.pod,
                        container=replica.container,
                        restarts=replica.restarts,
                    )
                )
        berth.container_id, berth.runs = replica.container_id, runs

    def _new_berth(self, replica: Replica) -> _Berth:
        session = Session(
            Who(self.target, replica.pod, replica.container),
            self._roots,
            dataclasses.replace(self._ways(replica), notice=self._notice),
            self._emit,
        )
        return _Berth(session, anyio.CancelScope(), replica.container_id, runs=False)

    def _notice(self) -> None:
        self._moves.beat()
        self.pulse.beat()

    def _let_go(self, berth: _Berth) -> None:
        """End a session. Its successor may have its name, so that is told first."""
        berth.scope.cancel()
        self._emit(events.SessionEnded(**dataclasses.asdict(berth.session.who)))

    async def _sail(self, berth: _Berth) -> None:
        try:
            with berth.scope:
                await berth.session.run()
        finally:
            berth.session.leave()


def _identity(replica: Replica) -> str:
    """Return what stays the same when the container is started again."""
    return f"{replica.uid}/{replica.container}"


def _names(view: View) -> _Names:
    return _Names(
        replicas=tuple(
            f"{replica.pod}/{replica.container}" for replica in view.replicas
        ),
        skipped=tuple((skip.pod, skip.reason) for skip in view.skipped),
        note=view.note,
    )

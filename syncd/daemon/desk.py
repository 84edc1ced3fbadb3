"""What the running daemon answers to those who ask at its control socket."""

from collections.abc import Callable, Sequence

import anyio

from syncd import __version__
from syncd.cluster import Api, Replica
from syncd.control import (
    Record,
    ReplicaStatus,
    SkippedStatus,
    Status,
    TargetStatus,
    Waited,
)
from syncd.control.status import State
from syncd.daemon.diary import Diary
from syncd.daemon.live import LiveTarget
from syncd.daemon.pulse import Pulse
from syncd.daemon.watching import Watching
from syncd.errors import SyncdError, TargetError, TransportError
from syncd.session import Session


class Desk:
    """Answers for the daemon; a `control.Service`.

    Args:
        record: Who this daemon is.
        diary: What has happened.
        pulse: Beats whenever something has.
        stop: Ends the daemon.
    """

    def __init__(
        self, record: Record, diary: Diary, pulse: Pulse, stop: Callable[[], None]
    ) -> None:
        self._record = record
        self._diary = diary
        self._pulse = pulse
        self.stop = stop
        self._api: Api | None = None
        self._live: Sequence[LiveTarget] = ()
        self._watching: Watching | None = None
        self._last_batch: Callable[[], int] = lambda: 0

    def open(
        self,
        api: Api,
        live: Sequence[LiveTarget],
        watching: Watching,
        last_batch: Callable[[], int],
    ) -> None:
        """Take that the daemon runs.

        Args:
            api: The cluster.
            live: The targets.
            watching: Their folders.
            last_batch: Tells the number of the last batch; 0 before the first.
        """
        self._api, self._live, self._watching = api, live, watching
        self._last_batch = last_batch
        self._pulse.beat()

    # --- how things stand -----------------------------------------------------------

    def status(self) -> Status:
        """Return how things stand."""
        return Status(
            version=__version__,
            project=self._record.project,
            pid=self._record.pid,
            since=self._record.since,
            phase="running" if self._api else "connecting",
            context=self._api.context if self._api else "",
            server=self._api.server if self._api else "",
            away=tuple(self._diary.away.values()),
            targets=tuple(self._target(live) for live in self._live),
        )

    def _target(self, live: LiveTarget) -> TargetStatus:
        view, diary = live.fleet.view, self._diary.target(live.fleet.target)
        return TargetStatus(
            target=live.fleet.target,
            namespace=live.namespace,
            replicas=tuple(
                self._replica(replica, session, runs=runs)
                for replica, session, runs in live.fleet.containers()
            ),
            skipped=tuple(
                SkippedStatus(pod=skip.pod, reason=skip.reason)
                for skip in (view.skipped if view else ())
            ),
            note=view.note if view else "",
            drift=diary.drift,
            rebuild=diary.rebuild or diary.failed,
            batch=diary.batch,
        )

    def _replica(
        self, replica: Replica, session: Session, *, runs: bool
    ) -> ReplicaStatus:
        diary = self._diary.container(replica.pod, replica.container)
        state, error = _state(session, runs=runs), session.error
        return ReplicaStatus(
            pod=replica.pod,
            container=replica.container,
            state=state,
            reason=str(error) if error else session.dropped or diary.reload,
            hint=error.hint if error else diary.hint,
            image=replica.image,
            node=replica.node,
            ready=replica.ready,
            restarts=replica.restarts,
            failing=session.failing,
            drift=tuple(diary.ran),
            reload=diary.reload,
            waiting=tuple(sorted(diary.waiting)),
            waiting_too=diary.waiting_too,
        )

    # --- waiting --------------------------------------------------------------------

    async def wait(self, *, ready: bool) -> Waited:
        """Return when all that was saved before the call is applied everywhere.

        Raises:
            Halted: If a folder is gone.
            TargetError: If a container refuses, or one of its commands was given up.
            Unequal: If paths cannot be made equal.
        """
        started_s = anyio.current_time()
        await self._pulse.until(lambda: self._watching is not None)
        assert self._watching is not None
        await self._watching.look()
        if ready:
            for live in self._live:
                if live.rebuilding is not None:
                    await live.rebuilding.settle()
        batch = await self._until_applied(self._watching)
        if ready:
            self._check_images()
            await self._pulse.until(lambda: self._is_served(batch))
        replicas = self._sessions()
        self._check_paths(replicas)
        return Waited(
            batch=batch,
            replicas=len(replicas),
            took_ms=(anyio.current_time() - started_s) * 1000,
        )

    async def _until_applied(self, watching: Watching) -> int:
        """Wait until every replica holds what is known by now; return its batch."""
        while True:
            batch = self._last_batch()
            noted = {session: session.noted for session in self._sessions()}

            def applied(noted: dict[Session, int] = noted) -> bool:
                self._check_refusals()
                targets = [live.fleet.sessions for live in self._live]
                return all(targets) and all(
                    session.holds(noted.get(session, 0))
                    for sessions in targets
                    for session in sessions
                )

            await self._pulse.until(applied)
            if watching.certain:
                return batch
            # What changed while it was read goes out once more.
            await self._pulse.until(lambda: watching.certain)

    def _is_served(self, batch: int) -> bool:
        self._check_refusals()
        late = False
        for live in self._live:
            for replica, _, runs in live.fleet.containers():
                diary = self._diary.container(replica.pod, replica.container)
                if diary.waits_for(batch):
                    late = True
                elif diary.broken:
                    raise TargetError(
                        f"container {replica.container} of Pod {replica.pod}:"
                        f" {diary.reload}"
                    )
                late = late or (runs and not replica.ready)
        return not late

    def _sessions(self) -> list[Session]:
        return [session for live in self._live for session in live.fleet.sessions]

    def _check_refusals(self) -> None:
        for session in self._sessions():
            error = session.error
            if error is not None and not isinstance(error, TransportError):
                raise TargetError(f"{session.who}: {error}", hint=error.hint)

    def _check_images(self) -> None:
        for live in self._live:
            diary = self._diary.target(live.fleet.target)
            if diary.failed:
                raise TargetError(diary.failed, hint=diary.hint)

    def _check_paths(self, sessions: Sequence[Session]) -> None:
        for session in sessions:
            if session.dropped:
                raise TargetError(f"{session.who}: {session.dropped}")
        failing = {s.who.pod: s.failing for s in sessions if s.failing}
        if failing:
            where = ", ".join(f"{paths} in {pod}" for pod, paths in failing.items())
            raise Unequal(f"some paths could not be made equal: {where}")


class Unequal(SyncdError):
    """Some paths could not be made equal; events have told which, and why."""


def _state(session: Session, *, runs: bool) -> State:
    if not runs:
        return "restarting"
    if session.in_step.is_set():
        return "in step" if session.idle else "sending"
    if session.error is None:
        return "connecting"
    return "reconnecting" if isinstance(session.error, TransportError) else "refused"

"""Every replica in step once, and what follows from that run: `syncd sync`."""

from collections.abc import Callable, Sequence

import anyio

from syncd import events
from syncd.cluster import View
from syncd.daemon.live import LiveTarget
from syncd.daemon.pulse import Pulse
from syncd.daemon.watching import Watching
from syncd.errors import Halted, Overdue, SyncdError, TargetError, TransportError
from syncd.session import Session


NOBODY_LIMIT_S = 5.0  # a controller has made its Pods by then, if there is one
_HINT = "give it longer: syncd sync --timeout SECONDS"


class Once:
    """Waits for what `syncd sync` waits for.

    Args:
        live: The targets.
        watching: Their folders; only what changed while it was read is looked at.
        pulse: Beats when something may have come.
        limit_s: How long it may take until all are in step. Commands have the time
            that their rules give them besides.

    Attributes:
        failed_commands: How many commands have failed, or taken too long.
    """

    def __init__(
        self,
        live: Sequence[LiveTarget],
        watching: Watching,
        pulse: Pulse,
        limit_s: float,
    ) -> None:
        self._live = live
        self._watching = watching
        self._pulse = pulse
        self._limit_s = limit_s
        self.failed_commands = 0

    def hear(self, event: events.Event) -> None:
        """Take in what a command came to."""
        if isinstance(event, events.HookRan) and event.code != 0:
            self.failed_commands += 1

    async def until_in_step(self) -> int:
        """Wait for every replica; return how many paths could not be made equal.

        Raises:
            SyncdError: What kept a replica, or all, from being made equal.
        """
        with anyio.move_on_after(self._limit_s):
            for live in self._live:
                await self._until_a_pod_is_there(live)
            await self._pulse.until(
                lambda: self._watching.certain and self._all(_is_in_step)
            )
        sessions = self._checked()
        late = [f"{s.who} is not in step" for s in sessions if not s.in_step.is_set()]
        if not self._watching.certain:
            late.append("files went on changing while they were read")
        _check_time(late, self._limit_s)
        return sum(session.failing for session in sessions)

    async def until_ran(self) -> None:
        """Wait until all that the rules ask for has run, in every replica.

        Raises:
            SyncdError: What kept a replica from it.
        """
        limit_s = self._limit_s + max(live.commands_s for live in self._live)
        with anyio.move_on_after(limit_s):
            await self._pulse.until(lambda: self._all(_is_done))
        late = [session.who for session in self._checked() if not session.idle]
        _check_time(
            [f"{who} has not run what its rules ask for" for who in late], limit_s
        )

    async def _until_a_pod_is_there(self, live: LiveTarget) -> None:
        """Wait for a Pod that is a replica, or could become one; not for long."""
        await live.fleet.until(lambda _: live.fleet.view is not None)
        with anyio.move_on_after(NOBODY_LIMIT_S):
            await live.fleet.until(lambda _: not _is_deserted(live.fleet.view))

    def _all(self, holds: Callable[[Session], bool]) -> bool:
        """Tell whether something holds of each replica, and each target has one.

        A container that is being started again is none for so long.
        """
        return all(
            all(map(holds, live.fleet.sessions))
            and (live.fleet.sessions or _is_deserted(live.fleet.view))
            for live in self._live
        )

    def _sessions(self) -> list[Session]:
        return [session for live in self._live for session in live.fleet.sessions]

    def _checked(self) -> list[Session]:
        """Return the sessions, none of which was refused or broke.

        Raises:
            SyncdError: Else; also if a target has no replica.
        """
        for live in self._live:
            if live.fleet.view is None:
                raise Overdue(f"nobody said which Pods {live.fleet.target} has")
            if not live.fleet.sessions:
                raise live.fleet.view.explain(live.spec)
        sessions = self._sessions()
        for session in sorted(sessions, key=lambda s: not _has_refused(s)):
            if session.error is not None:
                raise _named(session, session.error)
        return sessions


def _check_time(late: Sequence[str], limit_s: float) -> None:
    if late:
        why = "; ".join(late)
        raise Overdue(f"not all was done within {limit_s:g} s: {why}", hint=_HINT)


def _is_deserted(view: View | None) -> bool:
    return view is None or not (view.replicas or view.skipped)


def _has_refused(session: Session) -> bool:
    error = session.error
    return error is not None and not isinstance(error, TransportError)


def _is_in_step(session: Session) -> bool:
    return session.in_step.is_set() or _has_refused(session)


def _is_done(session: Session) -> bool:
    return session.idle or _has_refused(session)


def _named(session: Session, error: SyncdError) -> SyncdError:
    """Return an error of a session that names its container."""
    if str(session.who) in str(error):
        return error
    kinds = (Halted, TransportError, TargetError)
    kind = next((kind for kind in kinds if isinstance(error, kind)), SyncdError)
    return kind(f"{session.who}: {error}", hint=error.hint)

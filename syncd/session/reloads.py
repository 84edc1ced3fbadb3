"""From applied to reloaded, by the program's log: which batches a reload answers. Pure.

A batch that has code in it waits for a reload. The log says when one begins and when
the program serves again; every batch that was applied before it began is answered by
it, so two quick batches may share one. Which of two came first, that a batch landed or
that a reload began, is told by the node's clock, as they are heard of on two streams.
Servers that do not say that they begin are taken to answer what was applied before they
served.

A reload may begin while the process of the one before is starting. Some servers let that
come up all the same, some end it without a word: so the first to come up, or to fail,
answers for the first reload, and for the later one only if nothing else is heard.

What does not come is told once: a reload that was missed (uvicorn's StatReload misses
new files, and edits within one second), and one that hangs on open streams. A server
that was never heard to say that it serves is given some time instead.
"""

import math
from collections.abc import Iterable

from syncd.reload import (
    PATTERNS,
    Anew,
    Armed,
    Began,
    Broke,
    Holds,
    Pattern,
    Serving,
    Sign,
)
from syncd.session.verdicts import (
    Hangs,
    Missed,
    NoReload,
    Place,
    Unseen,
    Unwatched,
    Verdict,
)
from syncd.session.waiting import Outcome, Times, Waiting, code


MISSED_AFTER_S = 2.0
HANGS_AFTER_S = 5.0
SETTLED_AFTER_S = 1.0  # a new process that says nothing more, and no traceback
UNSEEN_AFTER_S = 2.0
_MOST = 256  # batches that wait; a program that never says anything answers none
_MOST_BEGUN = 8
_PATIENCE = 3  # times as long as one process took, until no other is waited for


class Reloads:
    """The batches of one container that wait to be served.

    Args:
        patterns: The servers that the log is read for.

    Attributes:
        server: The server that is known to reload here by itself, or "".
    """

    def __init__(self, patterns: Iterable[Pattern] = PATTERNS) -> None:
        self.server = ""
        self._patterns = {pattern.server: pattern for pattern in patterns}
        self._waiting: list[Waiting] = []
        self._failed: list[Waiting] = []
        self._unwatched: set[Place] = set()
        self._says = False  # it was heard to say that it serves
        self._armed_at_s = 0.0  # when it began to watch by the node's clock, if known
        self._begun: list[float] = []  # when each reload began that is under way
        self._began_at_s = 0.0  # the last by the node's clock, if that is known
        self._anew_s: float | None = None  # of its new process
        self._holds = False
        self._outcome: Outcome | None = None  # maybe that of the last reload

    @property
    def due_s(self) -> float | None:
        """When `overdue` has something to say if nothing happens; None for never."""
        if not self.server or not self._waiting:
            return None
        if self._outcome is not None:
            return self._outcome.until_s
        if self._began_s is None:
            return min(w.since_s for w in self._waiting) + MISSED_AFTER_S
        if self._silent:
            if self._anew_s is None:
                return self._began_s + UNSEEN_AFTER_S
            return self._anew_s + SETTLED_AFTER_S
        times = [w.began_s for w in self._hanging if w.began_s is not None]
        return min(times) + HANGS_AFTER_S if times else None

    @property
    def _began_s(self) -> float | None:
        """When the last reload began that is under way."""
        return self._begun[-1] if self._begun else None

    @property
    def _silent(self) -> bool:
        return not self._says and not self._holds

    @property
    def _hanging(self) -> list[Waiting]:
        return [waiting for waiting in self._waiting if not waiting.told]

    @property
    def _pattern(self) -> Pattern:
        return self._patterns.get(self.server, Pattern(self.server))

    def recall(self, sign: Sign, at_s: float = 0.0) -> None:
        """Take what the log said before it was listened to: it answers no batch."""
        waiting, self._waiting = self._waiting, []
        self.seen(sign, -math.inf, at_s)
        self._waiting, self._failed = waiting, []
        self._outcome = None
        del self._begun[:-1]

    def applied(
        self, batches: Iterable[int], places: Iterable[Place], times: Times
    ) -> tuple[Verdict, ...]:
        """Take that batches were applied together.

        A reload that began since they were sent may be their own.
        """
        place = code(places)
        if place is None or place in self._unwatched:
            return tuple(NoReload(batch) for batch in batches)
        now = times.applied_s
        new = [Waiting(batch, place, now, times.landed_at_s, now) for batch in batches]
        self._failed.clear()
        if self._began_s is not None and self._began_s >= times.sent_s:
            self._answer(new, self._began_s)
        self._waiting += new
        del self._waiting[:-_MOST]
        return ()

    def seen(self, sign: Sign, now: float, at_s: float = 0.0) -> tuple[Verdict, ...]:
        """Take what the log says; `at_s` is its time by the node's clock, 0 for unknown."""
        outcome = self._outcome
        if outcome is not None and now >= outcome.until_s:
            return (*self._tell(outcome), *self.seen(sign, now, at_s))
        match sign:
            case Began(server=server):
                self._began_at_s = at_s
                self._begin(server, now)
            case Armed(server=server):
                self.server = self.server if self._began_s is not None else server
                self._armed_at_s = at_s
                self._start(now)
            case Anew():
                self._start(now)
            case Holds():
                self._holds = self._began_s is not None
            case Serving():
                return self._heard_to_serve(now)
            case Broke():
                return self._breaks(sign, now)
        return ()

    def overdue(self, now: float) -> tuple[Verdict, ...]:
        """Return what did not come in time; each is said once."""
        due_s = self.due_s
        if due_s is None or now < due_s:
            return ()
        if self._outcome is not None:
            return self._tell(self._outcome)
        if self._began_s is None:
            return self._provoked(now)
        if not self._silent:
            return self._hangs(now)
        if self._anew_s is not None:
            return self._tell(Outcome(now, now, None))
        batches = tuple(waiting.batch for waiting in self._end(now))
        return (Unseen(batches, self.server),) if batches else ()

    def _begin(self, server: str, now: float) -> None:
        self.server, self._anew_s, self._outcome = server, None, None
        self._begun = [*self._begun, now][-_MOST_BEGUN:]
        self._holds = False
        self._failed.clear()
        self._unwatched.clear()  # it may use other files now
        self._answer([w for w in self._waiting if w.began_s is None], now)
        for waiting in self._waiting:
            waiting.told = False

    def _answer(self, waiting: Iterable[Waiting], began_s: float) -> None:
        """Have the reload that began answer what landed before it, and what it is for."""
        for each in waiting:
            late = each.landed_after(self._began_at_s)
            if not late or all(w.began_s != began_s for w in self._waiting):
                each.began_s = began_s

    def _start(self, now: float) -> None:
        if self._began_s is not None and self._anew_s is None:
            self._anew_s = now
            self._outcome = None  # there is another process to come

    def _heard_to_serve(self, now: float) -> tuple[Verdict, ...]:
        if self._began_s is not None and self._pattern.anew and self._anew_s is None:
            return ()  # it is the old process
        self._says = True
        if self._failed and not self._pattern.serves_broken:
            # The traceback was the program's own business: it came up all the same.
            self._waiting, self._failed = [*self._failed, *self._waiting], []
        return self._comes_out(now)

    def _breaks(self, broke: Broke, now: float) -> tuple[Verdict, ...]:
        if self._pattern.began and self._says and self._began_s is None:
            return ()  # while it served
        if self._pattern.breaks_late and self._anew_s is None:
            return ()
        return self._comes_out(now, broke)

    def _comes_out(self, now: float, broke: Broke | None = None) -> tuple[Verdict, ...]:
        """Take that a process serves, or breaks: that of the first reload under way."""
        if len(self._begun) < 2:
            return self._tell(Outcome(now, now, broke))
        first_s, *self._begun = self._begun
        answered = [w for w in self._waiting if (w.began_s or now) <= first_s]
        self._waiting = [w for w in self._waiting if w not in answered]
        self._anew_s, self._holds = None, False
        longest_s = min(_PATIENCE * (now - first_s), HANGS_AFTER_S)
        self._outcome = Outcome(now, now + longest_s, broke)
        return self._outcome.verdicts(answered)

    def _tell(self, outcome: Outcome) -> tuple[Verdict, ...]:
        """Return what an outcome is to all that it may answer."""
        ended = self._end(None if outcome.broke else outcome.now_s)
        self._failed = ended if outcome.broke else []
        return outcome.verdicts(ended)

    def _end(self, now: float | None) -> list[Waiting]:
        """Return what waits no more, as the program started, or failed to.

        What goes on waiting is due from `now` on.
        """
        whole = self._began_s is None
        ended = [
            w
            for w in self._waiting
            if w.began_s is not None or (whole and not self._is_yet_to_be_seen(w))
        ]
        self._waiting = [w for w in self._waiting if w not in ended]
        self._begun.clear()
        self._anew_s = self._outcome = None
        self._holds = False
        for waiting in self._waiting:
            waiting.since_s = waiting.since_s if now is None else now
        return ended

    def _is_yet_to_be_seen(self, waiting: Waiting) -> bool:
        """Tell whether a batch landed when the server watched: a reload has yet to begin."""
        watched = waiting.landed_after(self._armed_at_s)
        return watched and not self._pattern.serves_broken

    def _provoked(self, now: float) -> tuple[Verdict, ...]:
        late = [w for w in self._waiting if now - w.since_s >= MISSED_AFTER_S]
        given_up = [waiting for waiting in late if waiting.touched]
        self._waiting = [w for w in self._waiting if w not in given_up]
        self._unwatched |= {waiting.place for waiting in given_up}
        fresh = [waiting for waiting in late if not waiting.touched]
        for waiting in fresh:
            waiting.touched, waiting.since_s = True, now
        return (
            *(Unwatched(w.batch, w.place) for w in given_up),
            *(Missed(w.batch, w.place) for w in fresh[:1]),
        )

    def _hangs(self, now: float) -> tuple[Verdict, ...]:
        late = [
            waiting
            for waiting in self._hanging
            if waiting.began_s is not None and now - waiting.began_s >= HANGS_AFTER_S
        ]
        for waiting in late:
            waiting.told = True
        started = self._anew_s is not None
        return (Hangs(tuple(w.batch for w in late), self.server, started),)

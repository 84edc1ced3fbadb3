"""From applied to reloaded, by the warm reloader, where one runs. Pure.

It is told of each batch when that has landed, one batch a sync root, and says what became
of it. So there is nothing to guess; but an answer may come before the acknowledgement.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from syncd.session.link import Fate, ReloadAnswer
from syncd.session.reloads import HANGS_AFTER_S
from syncd.session.verdicts import Failed, Hangs, NoReload, Place, Reloaded, Verdict


RELOADER = "the warm reloader"


@dataclass(slots=True, eq=False)
class _Waiting:
    """Batches that landed together, as what the reloader was told under `numbers`."""

    batches: tuple[int, ...]
    places: tuple[Place, ...]
    applied_s: float
    numbers: set[int]
    answer: ReloadAnswer | None = None
    hangs: bool = False


@dataclass(frozen=True, slots=True)
class Unanswered:
    """The reloader has no answer: the log has to be gone by."""

    batches: tuple[int, ...]
    places: tuple[Place, ...]


class Told:
    """The batches of one container that the warm reloader there was told of."""

    def __init__(self) -> None:
        self._waiting: list[_Waiting] = []
        self._early: deque[ReloadAnswer] = deque(maxlen=8)

    @property
    def due_s(self) -> float | None:
        """When `overdue` has something to say if nothing happens; None for never."""
        times = [w.applied_s + HANGS_AFTER_S for w in self._waiting if not w.hangs]
        return min(times, default=None)

    def applied(
        self,
        batches: Iterable[int],
        numbers: Iterable[int],
        places: Sequence[Place],
        now: float,
    ) -> tuple[Verdict | Unanswered, ...]:
        """Take that batches landed together, and that the reloader knows them by numbers."""
        waiting = _Waiting(tuple(batches), tuple(places), now, set(numbers))
        early = [answer for answer in self._early if answer.batch in waiting.numbers]
        self._waiting.append(waiting)
        return tuple(v for answer in early for v in self.answered(answer, now))

    def answered(
        self, answer: ReloadAnswer, now: float
    ) -> tuple[Verdict | Unanswered, ...]:
        """Take what the reloader says of what it was told."""
        found = next((w for w in self._waiting if answer.batch in w.numbers), None)
        if found is None:  # we are slower than it was
            self._early.append(answer)
            return ()
        found.numbers.discard(answer.batch)
        found.answer = _weightier(found.answer, answer)
        if found.numbers:
            return ()
        self._waiting.remove(found)
        return tuple(_verdicts(found, found.answer, now))

    def overdue(self, now: float) -> tuple[Verdict, ...]:
        """Return what did not come in time; each is said once."""
        late = [
            waiting
            for waiting in self._waiting
            if not waiting.hangs and now - waiting.applied_s >= HANGS_AFTER_S
        ]
        for waiting in late:
            waiting.hangs = True
        batches = tuple(batch for waiting in late for batch in waiting.batches)
        return (Hangs(batches, RELOADER),) if late else ()


_WEIGHTS = (Fate.KEPT, Fate.UNKNOWN, Fate.SERVED, Fate.FAILED)


def _weightier(one: ReloadAnswer | None, other: ReloadAnswer) -> ReloadAnswer:
    """Return which of the answers to batches that landed together counts."""
    if one is None or _WEIGHTS.index(one.fate) <= _WEIGHTS.index(other.fate):
        return other
    return one


def _verdicts(
    waiting: _Waiting, answer: ReloadAnswer, now: float
) -> Iterable[Verdict | Unanswered]:
    match answer.fate:
        case Fate.SERVED:
            took_ms = (now - waiting.applied_s) * 1000
            return [Reloaded(b, took_ms, answer.steps) for b in waiting.batches]
        case Fate.KEPT:
            return [NoReload(batch) for batch in waiting.batches]
        case Fate.FAILED:
            assert answer.broke is not None
            return [Failed(waiting.batches, answer.broke)]
        case Fate.UNKNOWN:
            return [Unanswered(waiting.batches, waiting.places)]

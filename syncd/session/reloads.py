"""From applied to reloaded: which batches a reload of the program answers. Pure.

A batch that has code in it waits for a reload. The log says when one begins and when
the program serves again; every batch that was applied before it began is answered by
it, so two quick batches may share one. Servers that do not say that they begin are
taken to answer what was applied before they served.

Where the warm reloader runs, it answers in place of the log: it is told of each batch
when that has landed, and says what became of it.

What does not come is told once: a reload that was missed (uvicorn's StatReload misses
new files, and edits within one second), and one that hangs on open streams.
"""

import math
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from syncd.reload import Armed, Began, Broke, Serving, Sign
from syncd.session.link import Fate, ReloadAnswer


MISSED_AFTER_S = 2.0
HANGS_AFTER_S = 5.0
RELOADER = "the warm reloader"
_CODE = (b".py", b".pyx", b".so")


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The program serves a batch's code."""

    batch: int
    reloaded_ms: float
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoReload:
    """A batch has nothing in it that the program reloads for."""

    batch: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The program does not start with the code of these batches."""

    batches: tuple[int, ...]
    broke: Broke


@dataclass(frozen=True, slots=True)
class Hangs:
    """A reload began and does not end."""

    batches: tuple[int, ...]
    server: str


@dataclass(frozen=True, slots=True)
class Missed:
    """No reload began, though this server reloads by itself."""

    batch: int
    path: bytes


Verdict = Reloaded | NoReload | Failed | Hangs | Missed


@dataclass(slots=True)
class _Waiting:
    batch: int
    path: bytes
    applied_s: float
    began_s: float | None = None
    told: bool = False


@dataclass(slots=True)
class Reloads:
    """The batches of one container that wait to be served.

    Attributes:
        server: The server that is known to reload here by itself, or "".
    """

    server: str = ""
    _waiting: list[_Waiting] = field(default_factory=list)
    _began_s: float | None = None  # of the reload that is under way
    _told: dict[int, list[_Waiting]] = field(default_factory=dict)
    _early: deque[ReloadAnswer] = field(default_factory=lambda: deque(maxlen=8))

    @property
    def due_s(self) -> float | None:
        """When `overdue` has something to say if nothing happens; None for never."""
        times = [
            w.applied_s + MISSED_AFTER_S
            if w.began_s is None
            else w.began_s + HANGS_AFTER_S
            for w in (*(self._waiting if self.server else ()), *self._at_reloader)
            if not w.told
        ]
        return min(times, default=None)

    @property
    def _at_reloader(self) -> list[_Waiting]:
        return [waiting for told in self._told.values() for waiting in told]

    def recall(self, sign: Sign) -> None:
        """Take what the log said before anything of now was applied."""
        match sign:
            case Began(server=server):
                self.server, self._began_s = server, -math.inf
            case Armed(server=server):
                self.server = server
            case Serving() | Broke():
                self._began_s = None

    def applied(
        self, batch: int, paths: Iterable[bytes], sent_s: float, now: float
    ) -> tuple[Verdict, ...]:
        """Take that a batch was applied: not before it was sent, and not after `now`.

        What arrives on two streams has no order: a reload that began since the batch
        was sent may be the batch's own.
        """
        own = self._began_s is not None and self._began_s >= sent_s
        began_s = self._began_s if own else None
        return self._wait_for_the_log(_Waiting(batch, _code(paths), now, began_s))

    def told(
        self, number: int, batches: Iterable[int], paths: Sequence[bytes], now: float
    ) -> tuple[Verdict, ...]:
        """Take that batches landed as one, `number`, and that the reloader knows."""
        code = _code(paths)
        self._told[number] = [_Waiting(b, code, now, began_s=now) for b in batches]
        early = [answer for answer in self._early if answer.batch == number]
        return tuple(v for answer in early for v in self.answered(answer, now))

    def answered(self, answer: ReloadAnswer, now: float) -> tuple[Verdict, ...]:
        """Take what the reloader says of what it was told."""
        told = self._told.pop(answer.batch, None)
        if told is None:  # of the comparison; or we were slower than the reloader
            self._early.append(answer)
            told = []
        match answer.fate:
            case Fate.SERVED:
                return tuple(
                    Reloaded(w.batch, (now - w.applied_s) * 1000, answer.steps)
                    for w in told
                )
            case Fate.KEPT:
                return tuple(NoReload(w.batch) for w in told)
            case Fate.FAILED:
                assert answer.broke is not None
                return (Failed(tuple(w.batch for w in told), answer.broke),)
            case Fate.UNKNOWN:
                lost = (replace(w, began_s=None) for w in told)
                return tuple(v for w in lost for v in self._wait_for_the_log(w))

    def _wait_for_the_log(self, waiting: _Waiting) -> tuple[Verdict, ...]:
        if not waiting.path:
            return (NoReload(waiting.batch),)
        self._waiting.append(waiting)
        return ()

    def seen(self, sign: Sign, now: float) -> tuple[Verdict, ...]:
        """Take what the log says."""
        match sign:
            case Began(server=server):
                self.server, self._began_s = server, now
                for waiting in self._waiting:
                    waiting.began_s, waiting.told = waiting.began_s or now, False
                return ()
            case Armed(server=server):
                self.server = server
                return ()
            case Serving():
                return self._serves(now)
            case Broke():
                return self._breaks(sign)

    def overdue(self, now: float) -> tuple[Verdict, ...]:
        """Return what did not come in time; each is said once."""
        late = [w for w in self._waiting if not w.told and self.server]
        missed = [
            w for w in late if not w.began_s and now - w.applied_s >= MISSED_AFTER_S
        ]
        for waiting in missed:
            waiting.told = True
        return (
            *_hanging(late, self.server, now),
            *_hanging([w for w in self._at_reloader if not w.told], RELOADER, now),
            *(Missed(w.batch, w.path) for w in missed[:1]),
        )

    def _serves(self, now: float) -> tuple[Verdict, ...]:
        answered = self._end()
        return tuple(Reloaded(w.batch, (now - w.applied_s) * 1000) for w in answered)

    def _breaks(self, broke: Broke) -> tuple[Verdict, ...]:
        batches = tuple(w.batch for w in self._end())
        return (Failed(batches, broke),) if batches else ()

    def _end(self) -> list[_Waiting]:
        """Return what waits no more, as the program started, or failed to."""
        answered = self._waiting
        if self._began_s is not None:
            answered = [w for w in self._waiting if w.began_s is not None]
        self._began_s = None
        self._waiting = [w for w in self._waiting if w not in answered]
        return answered


def _code(paths: Iterable[bytes]) -> bytes:
    """Return the first path that is code, b"" if none is."""
    return next((path for path in sorted(paths) if path.endswith(_CODE)), b"")


def _hanging(late: Iterable[_Waiting], server: str, now: float) -> tuple[Hangs, ...]:
    """Return what began and does not end, which is told but once."""
    hanging = [w for w in late if w.began_s and now - w.began_s >= HANGS_AFTER_S]
    for waiting in hanging:
        waiting.told = True
    return (Hangs(tuple(w.batch for w in hanging), server),) if hanging else ()

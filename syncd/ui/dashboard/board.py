"""What the page shows, folded from a status and from events. Pure."""

import dataclasses
import datetime as dt
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd import events
from syncd.control import BatchStatus, Status
from syncd.events import Event
from syncd.ui.batches import changed, reached
from syncd.ui.dashboard.reading import event_of
from syncd.ui.lines import line
from syncd.ui.text import number, safe, some, took


BATCHES = 30  # that are shown
TROUBLES = 50
_STEPS = ("settled", "scanned", "packed", "sent", "applied")


@dataclass(slots=True)
class _Batch:
    """One batch, as far as it is.

    Attributes:
        at: When it was first heard of, as ISO 8601 writes it.
        settled: Its first event; None if only its end is known.
        done: Its end; None before.
        after: What came after it was applied, in milliseconds, in the slowest replica.
        trouble: Why the program does not serve it, or "".
    """

    number: int
    at: str
    target: str
    settled: events.BatchSettled | None = None
    done: events.BatchDone | BatchStatus | None = None
    after: dict[str, float] = field(default_factory=dict)
    trouble: str = ""


class Board:
    """Keeps the last batches, the last troubles, and how things stood last."""

    def __init__(self) -> None:
        self._status: Status | None = None
        self._lost = "syncd was not reached yet"
        self._batches: dict[int, _Batch] = {}
        self._troubles: deque[dict[str, object]] = deque(maxlen=TROUBLES)

    def see(self, status: Status) -> None:
        """Take in how things stand."""
        if self._status is not None and _who(self._status) != _who(status):
            self._batches.clear()  # a new syncd counts from one again
        self._status, self._lost = status, ""
        for target in status.targets:
            last = target.batch
            if last is not None and last.batch not in self._batches:
                self._batch(last.batch, last.at, target.target).done = last

    def lose(self, why: str) -> None:
        """Take that syncd does not answer any more."""
        self._lost = why

    def take(self, record: Mapping[str, Any]) -> None:
        """Take in what has happened."""
        event = event_of(record)
        if event is None:
            return
        said = line(event)
        if said.level in ("warning", "error"):
            self._troubles.appendleft(
                {"at": _clock(record["ts"]), **dataclasses.asdict(said)}
            )
        self._take_batch(event, record["ts"])

    def _take_batch(self, event: Event, at: str) -> None:
        match event:
            case events.BatchSettled():
                self._batch(event.batch, at, event.target).settled = event
            case events.BatchDone():
                self._batch(event.batch, at, event.target).done = event
            case events.BatchReloaded():
                self._came_after(event.batch, "reloaded", event.reloaded_ms)
            case events.BatchReady():
                self._came_after(event.batch, "ready", event.ready_ms)
            case events.ReloadFailed() | events.ReloadHung() | events.ReloadUnready():
                for each in event.batches:
                    if each in self._batches:
                        self._batches[each].trouble = line(event).said
            case _:
                pass

    def _batch(self, number: int, at: str, target: str) -> _Batch:
        batch = self._batches.setdefault(number, _Batch(number, at, target))
        for old in sorted(self._batches)[:-BATCHES]:
            del self._batches[old]
        return batch

    def _came_after(self, number: int, step: str, took_ms: float | None) -> None:
        batch = self._batches.get(number)
        if batch is not None and took_ms is not None:
            batch.after[step] = max(batch.after.get(step, 0.0), took_ms)
            batch.trouble = ""

    def view(self) -> dict[str, object]:
        """Return what the page shows, as JSON values; nothing in it is unprintable."""
        newest = sorted(self._batches.values(), key=lambda b: b.number, reverse=True)
        return {
            "lost": safe(self._lost),
            "status": _told(self._status) if self._status else None,
            "batches": [_shown(batch) for batch in newest],
            "troubles": [*self._troubles],
        }


def _who(status: Status) -> tuple[int, str]:
    return status.pid, status.since


def _told(status: Status) -> object:
    since = _clock(status.since, day=True)
    return _printable({**dataclasses.asdict(status), "since": since})


def _shown(batch: _Batch) -> dict[str, object]:
    done, settled = batch.done, batch.settled
    steps = {name: _took(done or settled, name) for name in _STEPS} | batch.after
    told = {name: ms for name, ms in steps.items() if ms}
    return {
        "number": batch.number,
        "at": _clock(batch.at),
        "target": safe(batch.target),
        "names": _names(done),
        "said": f"{changed(done)} → {reached(done)}" if done else "on the way",
        "state": _state(batch),
        "trouble": safe(batch.trouble),
        "steps": [[name, ms, f"{name} {number(ms)} ms"] for name, ms in told.items()],
        "total": took(sum(told.values())) if done and done.replicas else "",
    }


def _state(batch: _Batch) -> str:
    if batch.trouble or (batch.done and batch.done.failed):
        return "failed"
    if batch.done is None:
        return "under way"
    return "done" if batch.done.replicas else "waiting"


def _names(done: events.BatchDone | BatchStatus | None) -> str:
    if isinstance(done, events.BatchDone):
        return some(done.paths, done.files + done.deleted, most=3)
    return ""


def _took(told: object, step: str) -> float:
    return float(getattr(told, f"{step}_ms", 0.0))


def _clock(at: str, *, day: bool = False) -> str:
    """Return when that was where the reader is: `14:02:31`."""
    form = "%Y-%m-%d %H:%M:%S" if day else "%H:%M:%S"
    return dt.datetime.fromisoformat(at).astimezone().strftime(form)


def _printable(value: object) -> object:
    """Return a JSON value in which every text can be shown as it is."""
    match value:
        case str():
            return safe(value)
        case dict():
            return {name: _printable(each) for name, each in value.items()}
        case _ if isinstance(value, Iterable):
            return [_printable(each) for each in value]
        case _:
            return value

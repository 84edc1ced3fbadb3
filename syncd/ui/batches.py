"""A batch in words: what changed, where it is now, and what took how long."""

from collections.abc import Callable, Iterator

from syncd import events
from syncd.control.status import BatchStatus
from syncd.ui.text import count, number, size, some, took


def changed(event: events.BatchDone | BatchStatus) -> str:
    """Return how much a batch changed: `3 files, 1 deleted, 2.1 KiB`."""
    parts = [count(event.files, "file")] if event.files or not event.deleted else []
    if event.deleted:
        parts.append(f"{event.deleted:,} deleted")
    if event.bytes:
        parts.append(size(event.bytes))
    return ", ".join(parts)


def reached(event: events.BatchDone | BatchStatus) -> str:
    """Return where a batch is now: `3 replicas`, `2 of 3 replicas, 1 failed`."""
    total = event.replicas + event.behind
    if not event.replicas:
        return f"{count(total, 'replica')} out of reach" if total else "no replica yet"
    where = f"{event.replicas:,} of " if event.behind else ""
    failed = f", {event.failed:,} failed" if event.failed else ""
    return f"{where}{count(total, 'replica')}{failed}"


def steps(event: events.BatchDone | BatchStatus) -> str:
    """Return where the time of a batch went, in milliseconds."""
    named = [
        ("settled", event.settled_ms),
        ("scanned", event.scanned_ms),
        ("packed", event.packed_ms),
        ("sent", event.sent_ms),
        ("applied", event.applied_ms),
    ]
    return " · ".join(f"{name} {number(value)}" for name, value in named) + " ms"


def fitted(
    event: events.BatchDone, fits: Callable[[str], bool]
) -> tuple[str, str, str, str]:
    """Return names, facts, steps and time in the longest form that fits.

    What goes first is what is missed least: the steps, then the folders of a name,
    then how much it was.
    """
    *forms, least = _forms(event)
    return next((form for form in forms if fits("".join(form))), least)


def _forms(event: events.BatchDone) -> Iterator[tuple[str, str, str, str]]:
    total = event.files + event.deleted
    names = some(event.paths, total, most=2)
    name = some(event.paths, total, most=1)
    base = some(tuple(path.rsplit(b"/", 1)[-1] for path in event.paths), total, most=1)
    where = f"  → {reached(event)}"
    facts = f"  {changed(event)}{where}"
    detail = f"   {steps(event)}" if event.replicas else ""
    time = f"   {took(event.total_ms)}" if event.replicas else ""
    yield names, facts, detail, time
    yield name, facts, detail, time
    yield name, facts, "", time
    yield base, facts, "", time
    yield base, where, "", time
    yield base, "", "", time

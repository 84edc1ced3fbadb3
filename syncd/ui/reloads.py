"""The words of reloads: does the program serve what was applied?"""

from syncd import events
from syncd.ui.line import Line, container, line
from syncd.ui.text import count, safe, took


SOON_MS = 100  # what is ready that soon after its reload needs no line of its own


def _named(batch: int) -> str:
    return f"batch {batch}" if batch else "comparison"


@line.register
def _(event: events.BatchReloaded) -> Line:
    subject, where = _named(event.batch), container(event)
    if event.reloaded_ms is None:
        said = f"{where}: needs no reload"
        return Line(subject=subject, said=said, level="debug")
    said = f"{where}: reloaded, {took(event.reloaded_ms)}"
    return Line(subject=subject, said=said)


@line.register
def _(event: events.ReloadFailed) -> Line:
    place = f" ({event.path}:{event.line})" if event.path else ""
    said = f"the program does not start: {event.error}{place}"
    return Line(
        subject=container(event),
        said=safe(said),
        body=tuple(safe(each) for each in event.tail),
        level="error",
    )


@line.register
def _(event: events.ReloadHung) -> Line:
    waiting = count(len(event.batches), "batch")
    said = (
        f"{event.server} has not reloaded for {took(event.waited_s * 1000)};"
        f" {waiting} not served yet"
    )
    return Line(
        subject=container(event),
        said=safe(said),
        hint=safe(event.hint),
        level="warning",
    )


@line.register
def _(event: events.ReloadMissed) -> Line:
    said = f"{container(event)} did not notice the change; it is written once more"
    return Line(subject=safe(event.path), said=said, level="warning")


@line.register
def _(event: events.ReloadUnwatched) -> Line:
    said = f"{container(event)} does not reload for it: it does not use it now"
    return Line(subject=safe(event.path), said=said)


@line.register
def _(event: events.BatchReady) -> Line:
    subject, where = _named(event.batch), container(event)
    if event.ready_ms is None:
        return Line(subject=subject, said=f"{where}: counts as ready", level="debug")
    said = f"{where}: ready, {took(event.ready_ms)} after it reloaded"
    soon = event.ready_ms < SOON_MS
    return Line(subject=subject, said=said, level="debug" if soon else "info")


@line.register
def _(event: events.ReloadUnready) -> Line:
    said = (
        f"reloaded, but not ready for {took(event.waited_s * 1000)}:"
        f" {event.probe}: {event.reason}"
    )
    return Line(subject=container(event), said=safe(said), level="warning")

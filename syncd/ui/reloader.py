"""The words of the warm reloader."""

from syncd import events
from syncd.ui.line import Line, line
from syncd.ui.text import safe, took


@line.register
def _(event: events.ReloaderAdvised) -> Line:
    said = f"{event.server} starts the program anew for each edit"
    return Line(subject=safe(event.target), said=safe(said), hint=safe(event.hint))


@line.register
def _(event: events.ReloaderInjected) -> Line:
    said = f"{event.container} runs under the warm reloader: {' '.join(event.command)}"
    return Line(subject=safe(event.target), said=f"{safe(said)}, {took(event.took_ms)}")


@line.register
def _(event: events.ReloaderRefused) -> Line:
    return Line(
        subject=safe(event.target),
        said=safe(f"not run under the warm reloader: {event.reason}"),
        hint=safe(event.hint),
        level=event.level,
    )


@line.register
def _(event: events.ReloaderRestored) -> Line:
    said = f"{event.container} is as it was before the warm reloader"
    return Line(subject=safe(event.target), said=f"{safe(said)}, {took(event.took_ms)}")

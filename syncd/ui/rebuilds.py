"""The words of rebuilds."""

from syncd import events
from syncd.ui.line import Line, line
from syncd.ui.text import count, safe, some, took


@line.register
def _(event: events.RebuildDecided) -> Line:
    subject = some(event.inputs, len(event.inputs), most=2) or event.target
    verdict = "needs another image" if event.needed else "no rebuild"
    said = f"{verdict}: {event.reason}, {took(event.took_ms)}"
    return Line(subject=safe(subject), said=safe(said))


@line.register(events.RebuildDrifted)
@line.register(events.RebuildWarned)
def _(event: events.RebuildDrifted | events.RebuildWarned) -> Line:
    return Line(
        subject=safe(event.target),
        said=safe(event.reason),
        hint=safe(event.hint),
        level=event.level,
    )


@line.register
def _(event: events.RebuildFound) -> Line:
    said = f"no build: {event.where} has {event.image}"
    return Line(subject=safe(event.target), said=safe(said))


@line.register
def _(event: events.RebuildStarted) -> Line:
    said = f"{event.builder} builds {event.image}; log: {event.log}"
    return Line(subject=safe(event.target), said=safe(said))


@line.register
def _(event: events.RebuildProgress) -> Line:
    return Line(subject=safe(event.target), said=safe(event.said), level="debug")


@line.register
def _(event: events.RebuildBuilt) -> Line:
    said = f"built {event.image}, {took(event.built_ms)}"
    return Line(subject=safe(event.target), said=safe(said))


@line.register
def _(event: events.RebuildDelivered) -> Line:
    said = f"{event.way}, {took(event.delivered_ms)}"
    return Line(subject=safe(event.target), said=safe(said))


@line.register
def _(event: events.RebuildRolling) -> Line:
    said = f"rolls out {event.image} in place of {event.before}"
    return Line(subject=safe(event.target), said=safe(said))


@line.register
def _(event: events.RebuildPods) -> Line:
    said = (
        f"{count(event.wanted, 'new Pod')}: {event.running:,} running,"
        f" {event.reconciled:,} in step, {event.ready:,} ready"
    )
    return Line(subject=safe(event.target), said=said, level="debug")


@line.register
def _(event: events.RebuildDone) -> Line:
    steps = (
        ("built", event.built_ms),
        ("delivered", event.delivered_ms),
        ("rolled out", event.rolled_ms),
        ("in step", event.reconciled_ms),
        ("ready", event.ready_ms),
    )
    split = " · ".join(f"{name} {took(ms)}" for name, ms in steps if ms)
    said = f"{count(len(event.pods), 'Pod')} of {event.image}: {split}"
    return Line(
        subject=safe(event.target), said=f"{safe(said)}, {took(event.total_ms)} in all"
    )


@line.register
def _(event: events.RebuildCancelled) -> Line:
    said = f"{event.stage} of {event.image} cancelled: another image is needed now"
    return Line(subject=safe(event.target), said=safe(said))


@line.register
def _(event: events.RebuildFailed) -> Line:
    said = f"{event.stage} of {event.image} failed: {event.reason}"
    kept = (f"all of it: {event.log}",) if event.log else ()
    return Line(
        subject=safe(event.target),
        said=safe(said),
        hint=safe(event.hint),
        body=tuple(map(safe, (*event.detail, *kept))),
        level="error",
    )


@line.register
def _(event: events.RebuildRolledBack) -> Line:
    said = f"is back to {event.before}: {event.image} did not come up"
    return Line(subject=safe(event.target), said=safe(said), level="warning")

"""What each event says to a person: one calm line, with a hint where one helps."""

from collections.abc import Iterator

from syncd import events
from syncd.ui import rebuilds, reloader, reloads  # noqa: F401  # they register words
from syncd.ui.batches import changed, reached
from syncd.ui.line import Line, container, line
from syncd.ui.text import count, safe, size, some, took


__all__ = ["Line", "line"]


@line.register
def _(event: events.Started) -> Line:
    said = f"{event.context} at {event.server}: {', '.join(event.targets)}"
    return Line(subject=f"syncd {event.version}", said=safe(said))


@line.register
def _(event: events.InStep) -> Line:
    replicas = count(event.replicas, "replica")
    return Line(subject="in step", said=f"{replicas}, {took(event.since_start_ms)}")


@line.register
def _(event: events.Stopped) -> Line:
    said = f"{safe(event.reason)}, {count(event.batches, 'batch')}"
    return Line(subject="stopped", said=said)


@line.register
def _(event: events.ReaderDropped) -> Line:
    said = f"{safe(event.reader)} was {event.behind:,} events behind, and gets no more"
    return Line(subject="control socket", said=said, level="warning")


@line.register
def _(event: events.OutputBehind) -> Line:
    said = f"{count(event.missed, 'event')} left out: nobody read them"
    return Line(subject="output", said=said, level="warning")


@line.register
def _(event: events.Failed) -> Line:
    said, hint = safe(event.message), safe(event.hint)
    return Line(subject="error", said=said, hint=hint, level="error")


@line.register
def _(event: events.FolderScanned) -> Line:
    held = f"{count(event.files, 'file')} in {count(event.folders, 'folder')}"
    return Line(subject=safe(event.root), said=f"{held}, {took(event.took_ms)}")


@line.register
def _(event: events.WatchStarted) -> Line:
    said = f"{count(event.folders, 'folder')} watched by {safe(event.backend)}"
    return Line(
        subject=safe(event.root), said=f"{said}, {took(event.took_ms)}", level="debug"
    )


@line.register(events.WatchDegraded)
@line.register(events.WatchOverflowed)
def _(event: events.WatchDegraded | events.WatchOverflowed) -> Line:
    return Line(
        subject=safe(event.root),
        said=safe(event.reason),
        hint=safe(event.hint),
        level=event.level,
    )


@line.register
def _(event: events.RootLost) -> Line:
    said = "the local folder is gone; nothing is deleted because of it"
    return Line(
        subject=safe(event.root), said=said, hint=safe(event.hint), level="error"
    )


@line.register
def _(event: events.RootFound) -> Line:
    return Line(subject=safe(event.root), said="the local folder is back")


@line.register
def _(event: events.PathSkipped) -> Line:
    said = f"not sent: {safe(event.reason)}"
    return Line(subject=safe(event.path), said=said, level="warning")


@line.register
def _(event: events.SecretsWithheld) -> Line:
    total = len(event.paths)
    said = f"{count(total, 'file')} stay here: {some(event.paths, total, most=3)}"
    return Line(subject="secrets", said=said, hint=safe(event.hint))


@line.register
def _(event: events.StateUnwritten) -> Line:
    said = (
        f"cannot be written: {event.reason}; what is deleted here while syncd does not"
        " run may stay in the containers"
    )
    return Line(
        subject=safe(event.path),
        said=safe(said),
        hint=safe(event.hint),
        level="warning",
    )


@line.register
def _(event: events.ApiLost) -> Line:
    said = f"no answer: {event.reason}"
    return Line(subject=safe(event.server), said=safe(said), level="warning")


@line.register
def _(event: events.ApiBack) -> Line:
    said = f"answers again, after {took(event.away_s * 1000)}"
    return Line(subject=safe(event.server), said=said)


@line.register
def _(event: events.TargetChanged) -> Line:
    skipped = tuple(
        safe(f"{pod} is left out: {reason}") for pod, reason in event.skipped.items()
    )
    if not event.replicas:
        note = f": {event.note}" if event.note else ""
        return Line(
            subject=safe(event.target),
            said=f"no container to sync yet{safe(note)}",
            body=skipped,
            level="warning",
        )
    total = len(event.replicas)
    names = some(event.replicas, total, most=3)
    said = f"{count(total, 'replica')}: {names}"
    return Line(subject=safe(event.target), said=said, body=skipped)


@line.register
def _(event: events.SessionConnected) -> Line:
    said = (
        f"connected as {event.user} by {event.via}, {event.protocol},"
        f" round trip {took(event.round_trip_ms)}, {took(event.took_ms)}"
    )
    return Line(subject=container(event), said=safe(said), level="debug")


@line.register
def _(event: events.SessionLimited) -> Line:
    said = "; ".join(event.limits)
    return Line(subject=container(event), said=safe(said), level="warning")


@line.register
def _(event: events.SessionReconciled) -> Line:
    return Line(
        subject=container(event), said=f"in step: {', '.join(_reconciled(event))}"
    )


def _reconciled(event: events.SessionReconciled) -> Iterator[str]:
    if event.files or event.deleted:
        yield f"{count(event.files, 'file')} sent"
        if event.bytes:
            yield size(event.bytes)
    else:
        yield "nothing to send"
    if event.deleted:
        yield f"{event.deleted:,} deleted"
    if event.kept:
        yield f"{event.kept:,} kept"
    if event.failed:
        yield f"{event.failed:,} failed"
    yield took(event.took_ms)


@line.register
def _(event: events.SessionLost) -> Line:
    said = f"lost: {event.reason}; again in {took(event.retry_s * 1000)}"
    return Line(subject=container(event), said=safe(said), level="warning")


@line.register
def _(event: events.SessionRefused) -> Line:
    return Line(
        subject=container(event),
        said=safe(event.reason),
        hint=safe(event.hint),
        level="error",
    )


@line.register
def _(event: events.SessionEnded) -> Line:
    return Line(subject=container(event), said="is no longer a replica", level="debug")


@line.register
def _(event: events.ContainerRestarted) -> Line:
    said = f"was started anew, restart {event.restarts}"
    return Line(subject=container(event), said=said, level="debug")


@line.register
def _(event: events.PathFailed) -> Line:
    said = f"{container(event)}: {safe(event.reason)}"
    return Line(
        subject=safe(event.path), said=said, hint=safe(event.hint), level="error"
    )


@line.register
def _(event: events.PathNoted) -> Line:
    said = f"{container(event)}: {safe(event.reason)}"
    return Line(subject=safe(event.path), said=said, level="debug")


@line.register
def _(event: events.PathsKept) -> Line:
    names = some(event.paths, event.count, most=3)
    said = f"keeps {count(event.count, 'path')} that only it has: {names}"
    return Line(subject=container(event), said=said)


@line.register
def _(event: events.HookRan) -> Line:
    failed = event.code != 0
    end = "did not end in time" if event.code is None else f"exit {event.code}"
    said = f"{event.action} {safe(event.command)}: {end}, {took(event.took_ms)}"
    output = tuple(safe(each) for each in event.output.splitlines())
    return Line(
        subject=container(event),
        said=said,
        body=output if failed else (),
        level="error" if failed else "info",
    )


@line.register
def _(event: events.HookDropped) -> Line:
    said = f"{event.action} {safe(event.command)} is given up: {safe(event.reason)}"
    return Line(
        subject=container(event), said=said, hint=safe(event.hint), level="error"
    )


@line.register
def _(event: events.BatchDone) -> Line:
    total = event.files + event.deleted
    time = f", {took(event.total_ms)}" if event.replicas else ""
    return Line(
        subject=some(event.paths, total, most=2),
        said=f"{changed(event)} → {reached(event)}{time}",
        level="error" if event.failed else "info",
    )


@line.register
def _(event: events.BatchSettled) -> Line:
    paths = f"{count(event.files, 'file')}, {event.deleted:,} deleted"
    settled, scanned = took(event.settled_ms), took(event.scanned_ms)
    return _step(event.batch, f"{paths}, settled {settled}, scanned {scanned}")


@line.register
def _(event: events.BatchPacked) -> Line:
    said = f"{size(event.bytes)} packed, {took(event.packed_ms)}"
    return _step(event.batch, f"{container(event)}: {said}")


@line.register
def _(event: events.BatchSent) -> Line:
    said = f"{size(event.wire_bytes)} sent, {took(event.sent_ms)}"
    return _step(event.batch, f"{container(event)}: {said}")


@line.register
def _(event: events.BatchApplied) -> Line:
    said = f"applied, {took(event.applied_ms)}, {took(event.total_ms)} in all"
    return _step(event.batch, f"{container(event)}: {said}")


def _step(batch: int, said: str) -> Line:
    return Line(subject=f"batch {batch}", said=said, level="debug")

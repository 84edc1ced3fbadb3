"""What events told about each target and container, kept for those who ask later."""

import datetime as dt
from dataclasses import dataclass, field

from syncd import events
from syncd.control import BatchStatus
from syncd.events import Event


@dataclass(slots=True)
class ContainerDiary:
    """What happened in one container.

    Attributes:
        ran: The commands of `run` rules that changed it.
        waiting: The batches that were applied, and are not known to be served yet.
        reload: Why the program does not serve what was applied, or "".
        hint: What mends that, or "".
    """

    ran: list[str] = field(default_factory=list)
    waiting: set[int] = field(default_factory=set)
    reload: str = ""
    hint: str = ""


@dataclass(slots=True)
class TargetDiary:
    """What happened to one target.

    Attributes:
        batch: The last that is done.
        drift: What its containers have, by `run` rules, that its image has not.
        rebuild: What becomes of its new image, in words, or "".
    """

    batch: BatchStatus | None = None
    drift: str = ""
    rebuild: str = ""


@dataclass(slots=True)
class Diary:
    """Folds events; pure but for the time of the day."""

    targets: dict[str, TargetDiary] = field(default_factory=dict)
    containers: dict[tuple[str, str], ContainerDiary] = field(default_factory=dict)

    def target(self, title: str) -> TargetDiary:
        """Return what is known of a target."""
        return self.targets.setdefault(title, TargetDiary())

    def container(self, pod: str, container: str) -> ContainerDiary:
        """Return what is known of a container."""
        return self.containers.setdefault((pod, container), ContainerDiary())

    def take(self, event: Event) -> None:
        """Take in an event."""
        match event:
            case events.BatchDone():
                self.target(event.target).batch = _batch(event)
            case events.BatchApplied():
                self.container(event.pod, event.container).waiting.add(event.batch)
            case events.BatchReloaded():
                self._reloaded(event)
            case events.ReloadFailed():
                found = self.container(event.pod, event.container)
                found.waiting.difference_update(event.batches)
                found.reload = f"it does not start with the new code: {event.error}"
                found.hint = ""
            case events.ReloadHung():
                found = self.container(event.pod, event.container)
                found.reload, found.hint = "its reload hangs", event.hint
            case events.HookRan():
                if event.action == "run" and event.code == 0:
                    ran = self.container(event.pod, event.container).ran
                    if event.command not in ran:
                        ran.append(event.command)
            case events.ContainerRestarted() | events.SessionEnded():
                self.containers.pop((event.pod, event.container), None)
            case _:
                self._take_rebuild(event)

    def _reloaded(self, event: events.BatchReloaded) -> None:
        found = self.container(event.pod, event.container)
        found.waiting.discard(event.batch)
        if event.reloaded_ms is not None:
            found.reload = found.hint = ""

    def _take_rebuild(self, event: Event) -> None:
        match event:
            case events.RebuildDrifted():
                self.target(event.target).drift = event.reason
            case events.RebuildDecided():
                self.target(event.target).drift = ""
                if event.needed:
                    self.target(event.target).rebuild = "an image is needed"
            case events.RebuildFound() | events.RebuildBuilt():
                self.target(event.target).rebuild = f"delivering {event.image}"
            case events.RebuildStarted():
                self.target(event.target).rebuild = f"building {event.image}"
            case events.RebuildRolling():
                self.target(event.target).rebuild = f"rolling out {event.image}"
            case events.RebuildFailed():
                said = f"{event.stage} of {event.image} failed: {event.reason}"
                self.target(event.target).rebuild = said
            case events.RebuildDone() | events.RebuildCancelled():
                self.target(event.target).rebuild = ""
            case _:
                pass


def _batch(event: events.BatchDone) -> BatchStatus:
    return BatchStatus(
        batch=event.batch,
        at=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        files=event.files,
        deleted=event.deleted,
        bytes=event.bytes,
        replicas=event.replicas,
        behind=event.behind,
        failed=event.failed,
        settled_ms=round(event.settled_ms, 3),
        scanned_ms=round(event.scanned_ms, 3),
        packed_ms=round(event.packed_ms, 3),
        sent_ms=round(event.sent_ms, 3),
        applied_ms=round(event.applied_ms, 3),
        total_ms=round(event.total_ms, 3),
    )

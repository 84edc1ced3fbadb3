"""What events told about each target and container, kept for those who ask later."""

import datetime as dt
from dataclasses import dataclass, field

from syncd import events
from syncd.control import BatchStatus
from syncd.events import Event
from syncd.session import COMPARISON


NAMED = 100  # of the batches that one container is waited for

_OfContainer = (
    events.BatchReloaded
    | events.BatchReady
    | events.ReloadFailed
    | events.ReloadHung
    | events.ReloadUnready
)


@dataclass(slots=True)
class ContainerDiary:
    """What happened in one container.

    Attributes:
        ran: The commands of `run` rules that changed it.
        waiting: The last batches that were applied, and are not known to be served yet.
        waiting_too: How many more there are before them: of a program whose reloads
            nobody sees it is every batch.
        reload: Why the program does not serve what was applied, or "".
        hint: What mends that, or "".
        broken: Whether it will not, before the next edit.
    """

    ran: list[str] = field(default_factory=list)
    waiting: set[int] = field(default_factory=set)
    waiting_too: int = 0
    reload: str = ""
    broken: bool = False
    hint: str = ""

    def waits_for(self, batch: int) -> bool:
        """Tell whether a batch, or one before it, is not known to be served yet."""
        return bool(self.waiting_too) or any(each <= batch for each in self.waiting)

    def wait_for(self, batch: int) -> None:
        """Take that a batch was applied."""
        self.waiting.add(batch)
        if len(self.waiting) > NAMED:
            self.waiting.discard(min(self.waiting))
            self.waiting_too += 1

    def served(self, batch: int) -> None:
        """Take that a batch need not be waited for any more."""
        if batch in self.waiting:
            self.waiting.discard(batch)
        elif batch < min(self.waiting, default=batch + 1):
            self.waiting_too = max(self.waiting_too - 1, 0)

    def forget(self) -> None:
        """Wait for nothing."""
        self.waiting.clear()
        self.waiting_too = 0


@dataclass(slots=True)
class TargetDiary:
    """What happened to one target.

    Attributes:
        batch: The last that is done.
        drift: What its containers have, by `run` rules, that its image has not.
        rebuild: What becomes of its new image, in words, or "".
        failed: Why there is no new image where one is needed, or "".
        hint: What mends that, or "".
    """

    batch: BatchStatus | None = None
    drift: str = ""
    rebuild: str = ""
    failed: str = ""
    hint: str = ""


@dataclass(slots=True)
class Diary:
    """Folds events; pure but for the time of the day.

    Attributes:
        away: What cannot be reached, in words, by its name.
    """

    away: dict[str, str] = field(default_factory=dict)
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
                self.container(event.pod, event.container).wait_for(event.batch)
            case events.HookRan():
                if event.action == "run" and event.code == 0:
                    ran = self.container(event.pod, event.container).ran
                    if event.command not in ran:
                        ran.append(event.command)
            case events.SessionReconciled():
                # What the link before it was to see of a reload, nobody sees now.
                found = self.container(event.pod, event.container)
                found.forget()
                if event.files or event.deleted:
                    found.wait_for(COMPARISON)
            case events.ContainerRestarted() | events.SessionEnded():
                self.containers.pop((event.pod, event.container), None)
            case _:
                self._take_outage(event)
                self._take_reload(event)
                self._take_rebuild(event)

    def _take_outage(self, event: Event) -> None:
        match event:
            case events.ApiLost():
                self.away[event.server] = (
                    f"no answer from {event.server}: {event.reason}"
                )
            case events.ApiBack():
                self.away.pop(event.server, None)
            case events.RootLost():
                self.away[event.root] = f"{event.root} is gone"
            case events.RootFound():
                self.away.pop(event.root, None)
            case _:
                pass

    def _take_reload(self, event: Event) -> None:
        match event:
            case events.BatchReloaded():
                if event.reloaded_ms is not None:
                    # It runs what was there, so what landed before is in it as well.
                    self.container(event.pod, event.container).waiting_too = 0
                    self._say(event, "", "")
            case events.BatchReady():
                found = self.container(event.pod, event.container)
                found.served(event.batch)
                if event.ready_ms is not None:
                    self._say(event, "", "")
            case events.ReloadFailed():
                found = self.container(event.pod, event.container)
                found.waiting.difference_update(event.batches)
                found.waiting_too = 0
                said = f"it does not start with the new code: {event.error}"
                self._say(event, said, "", broken=True)
            case events.ReloadHung():
                self._say(event, "its reload hangs", event.hint)
            case events.ReloadUnready():
                said = f"it has reloaded and is not ready: {event.reason}"
                self._say(event, said, "")
            case _:
                pass

    def _say(
        self, event: _OfContainer, said: str, hint: str, *, broken: bool = False
    ) -> None:
        found = self.container(event.pod, event.container)
        found.reload, found.hint, found.broken = said, hint, broken

    def _take_rebuild(self, event: Event) -> None:
        match event:
            case events.RebuildDrifted():
                self.target(event.target).drift = event.reason
            case events.RebuildDecided():
                found = self.target(event.target)
                found.drift = found.failed = found.hint = ""
                found.rebuild = "an image is needed" if event.needed else ""
            case events.RebuildFound() | events.RebuildBuilt():
                self.target(event.target).rebuild = f"delivering {event.image}"
            case events.RebuildStarted():
                self.target(event.target).rebuild = f"building {event.image}"
            case events.RebuildRolling():
                self.target(event.target).rebuild = f"rolling out {event.image}"
            case events.RebuildFailed():
                found = self.target(event.target)
                found.rebuild, found.hint = "", event.hint
                found.failed = f"{event.stage} of {event.image} failed: {event.reason}"
            case events.RebuildDone() | events.RebuildCancelled():
                found = self.target(event.target)
                found.rebuild = found.failed = found.hint = ""
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

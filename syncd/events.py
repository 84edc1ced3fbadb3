"""The vocabulary: every event that syncd can report.

An event is a value. Low floors return values and report nothing; `watch`, `session`,
`cluster.follow` and `daemon` are given an `Emit` and call it. The console, the JSON
lines and the control socket all render these same facts.

Names are an API: dotted, past tense, stable. Durations carry their unit in the name
(`_ms`, `_s`) and are monotonic; sizes are bytes. File names are bytes, as on disk.
"""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal


Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Base of all events.

    Attributes:
        name: The dotted name that programs match on.
        level: `warning` means syncd is retrying, `error` that a person must act.
    """

    name: ClassVar[str]
    level: ClassVar[Level] = "info"


Emit = Callable[[Event], None]


def as_dict(event: Event) -> dict[str, object]:
    r"""Return the fields of `event` as plain JSON values, without its name.

    Bytes become text with undecodable bytes as `\\xNN`.
    """
    return {
        field.name: _plain(getattr(event, field.name))
        for field in dataclasses.fields(event)
    }


def _plain(value: object) -> object:
    match value:
        case bytes():
            return value.decode("utf-8", "backslashreplace")
        case tuple() | list() | set() | frozenset():
            return [_plain(item) for item in value]
        case Mapping():
            return {str(_plain(key)): _plain(item) for key, item in value.items()}
        case float():
            return round(value, 3)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {
                field.name: _plain(getattr(value, field.name))
                for field in dataclasses.fields(value)
            }
        case _:
            return value


# --- the daemon ---------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """syncd reached the cluster and begins."""

    name = "syncd.started"
    version: str
    project: str
    context: str
    server: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InStep(Event):
    """Every replica of every target holds what the local folders hold."""

    name = "syncd.in_step"
    replicas: int
    since_start_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(Event):
    """syncd ends; nothing more is sent."""

    name = "syncd.stopped"
    reason: str
    batches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """Something a person must act on; `hint` says what to do."""

    name = "error"
    level = "error"
    message: str
    hint: str = ""


# --- the local side -----------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderScanned(Event):
    """The first snapshot of a local folder is taken."""

    name = "folder.scanned"
    root: str
    files: int
    folders: int
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStarted(Event):
    """A local folder is watched."""

    name = "watch.started"
    level = "debug"
    root: str
    folders: int
    backend: str
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchDegraded(Event):
    """The folder is watched in a slower way; `hint` mends it."""

    name = "watch.degraded"
    level = "warning"
    root: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOverflowed(Event):
    """The system dropped events; the whole folder is looked at again."""

    name = "watch.overflowed"
    level = "warning"
    root: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RootLost(Event):
    """The local folder is gone. Nothing is deleted anywhere because of it."""

    name = "watch.root_lost"
    level = "error"
    root: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFound(Event):
    """The local folder is back and is being scanned."""

    name = "watch.root_found"
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSkipped(Event):
    """A local path cannot be sent: unreadable, a socket, a name too long."""

    name = "path.skipped"
    level = "warning"
    root: str
    path: bytes
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsWithheld(Event):
    """Files that look like secrets stay here until a rule lists them."""

    name = "secrets.withheld"
    root: str
    paths: tuple[bytes, ...]
    hint: str


# --- the cluster --------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiLost(Event):
    """The API server stopped answering; syncd keeps trying."""

    name = "api.lost"
    level = "warning"
    server: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiBack(Event):
    """The API server answers again."""

    name = "api.back"
    server: str
    away_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChanged(Event):
    """Which containers are replicas of the target, and why others are not.

    Attributes:
        replicas: `pod/container` of each.
        skipped: Pod name to reason.
        note: What stands above the Pods, such as a workload that does not exist.
    """

    name = "target.changed"
    target: str
    replicas: tuple[str, ...]
    skipped: Mapping[str, str]
    note: str = ""


# --- one container ------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConnected(Event):
    """The stream into a container is open and its agent answers."""

    name = "session.connected"
    target: str
    pod: str
    container: str
    via: str
    protocol: str
    user: str
    round_trip_ms: float
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimited(Event):
    """What cannot be promised in this container, and why."""

    name = "session.limited"
    level = "warning"
    target: str
    pod: str
    container: str
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReconciled(Event):
    """The container was compared with the local tree and made equal to it."""

    name = "session.reconciled"
    target: str
    pod: str
    container: str
    files: int
    deleted: int
    bytes: int
    kept: int
    failed: int
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLost(Event):
    """The stream broke. What it carried is in doubt and will be compared again."""

    name = "session.lost"
    level = "warning"
    target: str
    pod: str
    container: str
    reason: str
    retry_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRefused(Event):
    """The container cannot be synced as it is; `hint` says what to change."""

    name = "session.refused"
    level = "error"
    target: str
    pod: str
    container: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """The container is no longer a replica, and its stream is closed."""

    name = "session.ended"
    target: str
    pod: str
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFailed(Event):
    """One path could not be made equal; the rest of its batch landed."""

    name = "path.failed"
    level = "error"
    target: str
    pod: str
    container: str
    path: bytes
    code: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathNoted(Event):
    """A path landed in a lesser way: written in place, or its mode was refused."""

    name = "path.noted"
    target: str
    pod: str
    container: str
    path: bytes
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsKept(Event):
    """What only the container has, and syncd neither made nor found equal."""

    name = "path.kept"
    target: str
    pod: str
    container: str
    paths: tuple[bytes, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRan(Event):
    """A `run` or `restart` rule was carried out in a container."""

    name = "hook.ran"
    target: str
    pod: str
    container: str
    action: str
    command: str
    code: int | None
    output: str
    took_ms: float


# --- a batch: detected → settled → packed → sent → applied → done ---------------


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDetected(Event):
    """The first hint of a batch was seen."""

    name = "batch.detected"
    level = "debug"
    batch: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettled(Event):
    """The writing went quiet, and the tree was looked at.

    Attributes:
        settled_ms: First hint to quiet.
        scanned_ms: Quiet to the difference being known.
    """

    name = "batch.settled"
    level = "debug"
    batch: int
    target: str
    files: int
    deleted: int
    settled_ms: float
    scanned_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPacked(Event):
    """The delta for one container was read and made into a tar stream."""

    name = "batch.packed"
    level = "debug"
    batch: int
    pod: str
    container: str
    bytes: int
    packed_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSent(Event):
    """The delta for one container was handed to the stream, whole."""

    name = "batch.sent"
    level = "debug"
    batch: int
    pod: str
    container: str
    wire_bytes: int
    sent_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchApplied(Event):
    """One container acknowledged the batch.

    Attributes:
        applied_ms: Sent to acknowledged.
        total_ms: First hint to acknowledged.
    """

    name = "batch.applied"
    level = "debug"
    batch: int
    pod: str
    container: str
    files: int
    deleted: int
    failed: int
    applied_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReloaded(Event):
    """The program in one container serves the batch's code.

    Attributes:
        reloaded_ms: Applied to serving again, as the program's log tells; None if
            there is nothing in the batch that the program reloads for.
    """

    name = "batch.reloaded"
    batch: int
    pod: str
    container: str
    reloaded_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadFailed(Event):
    """The program does not start with the new code.

    Attributes:
        batches: The batches that it was reloading for.
        error: The last line of the traceback.
        path: Where, as the program names it; "" if the traceback does not say.
        tail: The last lines of the traceback.
    """

    name = "reload.failed"
    level = "error"
    target: str
    pod: str
    container: str
    batches: tuple[int, ...]
    error: str
    path: str
    line: int
    tail: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadHung(Event):
    """A reload began and does not end; `hint` mends it."""

    name = "reload.hung"
    level = "warning"
    target: str
    pod: str
    container: str
    batches: tuple[int, ...]
    server: str
    waited_s: float
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadMissed(Event):
    """The program did not notice a change; its file is touched, once."""

    name = "reload.missed"
    level = "warning"
    target: str
    pod: str
    container: str
    batch: int
    path: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchDone(Event):
    """Every replica that was live acknowledged the batch: the canonical line.

    The steps are those of the slowest replica.

    Attributes:
        paths: The first few changed paths.
        replicas: How many containers hold the batch now.
        behind: How many have not, and will get it when they are connected.
    """

    name = "batch.done"
    batch: int
    target: str
    paths: tuple[bytes, ...]
    files: int
    deleted: int
    bytes: int
    replicas: int
    behind: int
    failed: int
    settled_ms: float
    scanned_ms: float
    packed_ms: float
    sent_ms: float
    applied_ms: float
    total_ms: float


# --- a rebuild: decided → started → built → delivered → rolling → done ----------


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildDecided(Event):
    """Build inputs were written, and it is known whether that means another image.

    Attributes:
        inputs: What was written, relative to the build context.
        needed: Whether another image is needed.
        reason: What changed that counts, or why nothing that did counts.
        digest: Of all inputs in normal form; it is the image's identity.
        took_ms: From the look at the inputs to the decision.
    """

    name = "rebuild.decided"
    target: str
    inputs: tuple[str, ...]
    needed: bool
    reason: str
    digest: str
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildDrifted(Event):
    """A `run` rule takes the place of a rebuild: the containers leave their image.

    Attributes:
        reason: What the containers have that their image has not.
    """

    name = "rebuild.drifted"
    level = "warning"
    target: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildWarned(Event):
    """Something about the workload makes rebuilds, or restarts, go wrong."""

    name = "rebuild.warned"
    level = "warning"
    target: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildFound(Event):
    """The image that is needed exists: nothing is built.

    Attributes:
        where: Who has it.
    """

    name = "rebuild.found"
    target: str
    image: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildStarted(Event):
    """A builder runs.

    Attributes:
        log: The file that keeps all of its output.
    """

    name = "rebuild.started"
    target: str
    image: str
    builder: str
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildProgress(Event):
    """The builder wrote a line.

    Attributes:
        step: The step of the Dockerfile that it is at, from 1; 0 if it has not said.
        steps: How many steps there are.
        said: The line.
    """

    name = "rebuild.progress"
    level = "debug"
    target: str
    step: int
    steps: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildBuilt(Event):
    """The image is built."""

    name = "rebuild.built"
    target: str
    image: str
    built_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildDelivered(Event):
    """The image is where the nodes get it from.

    Attributes:
        way: How it got there.
    """

    name = "rebuild.delivered"
    target: str
    image: str
    way: str
    delivered_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildRolling(Event):
    """The workload names the new image, and its Pods are being replaced.

    Attributes:
        before: The image that it named until now.
    """

    name = "rebuild.rolling"
    target: str
    image: str
    before: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildPods(Event):
    """How far the new Pods are.

    Attributes:
        wanted: How many there are to be.
        running: Those whose container runs.
        reconciled: Those that hold what the local folders hold.
        ready: Those that are ready.
    """

    name = "rebuild.pods"
    level = "debug"
    target: str
    image: str
    wanted: int
    running: int
    reconciled: int
    ready: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildDone(Event):
    """Every Pod runs the image, holds what the local folders hold, and is ready.

    Attributes:
        pods: The new Pods.
        built_ms: 0 if nothing had to be built.
        delivered_ms: 0 if nothing had to be delivered.
        rolled_ms: From the change of the workload to the last container running.
        reconciled_ms: From then until the last of them was in step.
        ready_ms: From then until the rollout was complete.
        total_ms: From the first hint of the edit.
    """

    name = "rebuild.done"
    target: str
    image: str
    pods: tuple[str, ...]
    built_ms: float
    delivered_ms: float
    rolled_ms: float
    reconciled_ms: float
    ready_ms: float
    total_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildCancelled(Event):
    """A newer edit needs another image than the one that was under way.

    Attributes:
        stage: What was cut short: `build`, `deliver` or `roll out`.
    """

    name = "rebuild.cancelled"
    target: str
    image: str
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildFailed(Event):
    """The new image does not run. The old Pods are as they were, and in step.

    Attributes:
        stage: What failed: `build`, `deliver` or `roll out`.
        detail: The last lines of the builder, or of the container's log.
        log: The file that keeps all of the builder's output, or "".
    """

    name = "rebuild.failed"
    level = "error"
    target: str
    image: str
    stage: str
    reason: str
    hint: str
    detail: tuple[str, ...]
    log: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildRolledBack(Event):
    """The workload names its old image again."""

    name = "rebuild.rolled_back"
    level = "warning"
    target: str
    image: str
    before: str

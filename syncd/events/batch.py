"""A batch: settled → packed → sent → applied → done, and then reloaded → ready.

That it was detected is told by `settled_ms`: before the tree was looked at, nobody knows
if a hint becomes a batch, or which.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchSettled(Event):
    """The writing went quiet, and the tree was looked at: there is a batch.

    It was detected `settled_ms` and `scanned_ms` before this.

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
        batch: Which; 0 for what a comparison brought.
        reloaded_ms: Applied to serving again, as the warm reloader or the program's log
            tells; None if there is nothing in the batch that the program reloads for.
        steps: What took the reloader how many milliseconds: `fork_ms`, `import_ms`,
            `startup_ms`, and `total_ms`; empty without it.
    """

    name = "batch.reloaded"
    batch: int
    pod: str
    container: str
    reloaded_ms: float | None
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchReady(Event):
    """The container is ready again with the batch's code.

    Attributes:
        batch: Which; 0 for what a comparison brought.
        ready_ms: Reloaded to the readiness probe's success; None if nothing was asked:
            what has reloaded counts as ready then.
        probe: What was asked; "" if nothing was.
    """

    name = "batch.ready"
    batch: int
    pod: str
    container: str
    ready_ms: float | None
    probe: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadUnready(Event):
    """The program has reloaded, and its readiness probe goes on failing."""

    name = "reload.unready"
    level = "warning"
    target: str
    pod: str
    container: str
    batches: tuple[int, ...]
    probe: str
    waited_s: float
    reason: str


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
    """The program did not notice a change; its file is written once more."""

    name = "reload.missed"
    level = "warning"
    target: str
    pod: str
    container: str
    batch: int
    path: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadUnwatched(Event):
    """Nor did the program notice it then: it does not use this file, or look at it."""

    name = "reload.unwatched"
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

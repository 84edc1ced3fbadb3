"""What there is to know of a running syncd, as values that cross the socket.

They cross as JSON objects, and `read` makes values of them again. A field that is not
known is from a newer syncd, and left out.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self


Phase = Literal["connecting", "running"]
State = Literal[
    "connecting", "in step", "sending", "reconnecting", "refused", "restarting"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """Something that is told as a JSON object."""

    @classmethod
    def read(cls, told: Mapping[str, Any], **inner: object) -> Self:
        """Return what `told` tells, with `inner` for what is no plain value in it."""
        fields = {field.name for field in dataclasses.fields(cls)} & told.keys()
        values = {name: told[name] for name in fields} | inner
        return cls(
            **{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStatus(_Told):
    """The last batch of a target that is done; times as in the event `batch.done`.

    Attributes:
        at: When it was done, as ISO 8601 writes it.
    """

    batch: int
    at: str
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaStatus(_Told):
    """One container.

    Attributes:
        state: How far it is.
        reason: Why it is not further, or "".
        hint: What mends that, or "".
        image: What it runs, as its Pod names it.
        ready: What its readiness probe last said.
        failing: How many paths could not be made equal there.
        drift: The commands of `run` rules that changed it since it was started.
        reload: Why the program does not serve what was applied, or "".
        waiting: The last batches that were applied, and are not known to be served yet.
        waiting_too: How many more there are before them.
    """

    pod: str
    container: str
    state: State
    reason: str = ""
    hint: str = ""
    image: str = ""
    node: str = ""
    ready: bool = False
    restarts: int = 0
    failing: int = 0
    drift: tuple[str, ...] = ()
    reload: str = ""
    waiting: tuple[int, ...] = ()
    waiting_too: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SkippedStatus(_Told):
    """A Pod that is left out, and why."""

    pod: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatus(_Told):
    """One target.

    Attributes:
        drift: What its containers have, by `run` rules, that its image has not.
        rebuild: What becomes of its new image, in words, or "".
        note: What stands above the Pods, such as a workload that does not exist.
        batch: The last that is done, if there was one.
    """

    target: str
    namespace: str
    replicas: tuple[ReplicaStatus, ...] = ()
    skipped: tuple[SkippedStatus, ...] = ()
    note: str = ""
    drift: str = ""
    rebuild: str = ""
    batch: BatchStatus | None = None

    @classmethod
    def read(cls, told: Mapping[str, Any], **inner: object) -> Self:
        """See `_Told.read`."""
        return super(TargetStatus, cls).read(
            told,
            replicas=[ReplicaStatus.read(each) for each in told["replicas"]],
            skipped=[SkippedStatus.read(each) for each in told["skipped"]],
            batch=told["batch"] and BatchStatus.read(told["batch"]),
            **inner,
        )

    @property
    def in_step(self) -> bool:
        """Whether there is a replica, and each is in step."""
        return bool(self.replicas) and all(r.state == "in step" for r in self.replicas)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status(_Told):
    """A running syncd.

    Attributes:
        since: When it was started, as ISO 8601 writes it.
        phase: `connecting` until the folders were read and the Pods are asked for.
        away: What syncd itself cannot reach: the API server, a local folder.
    """

    version: str
    project: str
    pid: int
    since: str
    phase: Phase
    context: str = ""
    server: str = ""
    away: tuple[str, ...] = ()
    targets: tuple[TargetStatus, ...] = ()

    @classmethod
    def read(cls, told: Mapping[str, Any], **inner: object) -> Self:
        """See `_Told.read`."""
        targets = [TargetStatus.read(each) for each in told["targets"]]
        return super(Status, cls).read(told, targets=targets, **inner)

    @property
    def in_step(self) -> bool:
        """Whether every target is in step."""
        return bool(self.targets and not self.away) and all(
            target.in_step for target in self.targets
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Waited(_Told):
    """What was waited for has come.

    Attributes:
        batch: The last batch that was made before the answer; 0 for none. It, and all
            before it, is applied.
        replicas: How many containers hold everything.
        took_ms: How long that took.
    """

    batch: int
    replicas: int
    took_ms: float

"""A rebuild: decided → started → built → delivered → rolling → done."""

from dataclasses import dataclass

from syncd.events.base import Event


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

"""What a rebuild says of itself."""

from collections.abc import Collection
from dataclasses import dataclass

import anyio

from syncd import events
from syncd.errors import SyncdError
from syncd.rebuild.failure import CannotRebuild
from syncd.rebuild.output import Step
from syncd.rebuild.rollout import Rolled
from syncd.rebuild.route import Route


@dataclass(slots=True)
class Course:
    """How far an image has come.

    Attributes:
        detected_at_s: Monotonic time of the first hint of the edit that asks for it.
        image: What the nodes call it.
        stage: What is under way.
        log: The file that keeps the builder's output, or "".
    """

    detected_at_s: float
    image: str
    stage: str = "build"
    log: str = ""
    built_ms: float = 0.0
    delivered_ms: float = 0.0


class Telling:
    """Emits the events of one target's rebuilds.

    Args:
        target: The target's name.
        emit: Where events go.
    """

    def __init__(self, target: str, emit: events.Emit) -> None:
        self._target = target
        self._emit = emit

    def decided(
        self, edited: Collection[str], digest: str, reason: str, started_s: float
    ) -> None:
        """Tell that the image stays as it is."""
        self._decided(edited, digest, reason, started_s, needed=False)

    def needed(
        self, edited: Collection[str], digest: str, reason: str, started_s: float
    ) -> None:
        """Tell that another image is needed."""
        self._decided(edited, digest, reason, started_s, needed=True)

    def _decided(
        self,
        edited: Collection[str],
        digest: str,
        reason: str,
        started_s: float,
        *,
        needed: bool,
    ) -> None:
        self._emit(
            events.RebuildDecided(
                target=self._target,
                inputs=tuple(sorted(edited)),
                needed=needed,
                reason=reason,
                digest=digest,
                took_ms=since_ms(started_s),
            )
        )

    def drifted(self, reason: str) -> None:
        """Tell that commands make up for what the image lacks."""
        hint = "take the rule out, and the image is built with it"
        self._emit(
            events.RebuildDrifted(
                target=self._target,
                reason=f"the containers have left their image, by a run rule: {reason}",
                hint=hint,
            )
        )

    def moving(self, image: str) -> None:
        """Warn of an image whose name moves under those who run it."""
        self._emit(
            events.RebuildWarned(
                target=self._target,
                reason=f"{image} with imagePullPolicy: Always may be another image each"
                " time that a container starts",
                hint="name a tag that stays, with imagePullPolicy: IfNotPresent",
            )
        )

    def found(self, image: str, where: str) -> None:
        """Tell that nothing has to be built."""
        self._emit(events.RebuildFound(target=self._target, image=image, where=where))

    def started(self, course: Course, builder: str) -> None:
        """Tell that a builder runs."""
        self._emit(
            events.RebuildStarted(
                target=self._target,
                image=course.image,
                builder=builder,
                log=course.log,
            )
        )

    def progress(self, line: str, step: Step) -> None:
        """Tell a line of the builder."""
        self._emit(
            events.RebuildProgress(
                target=self._target, step=step.number, steps=step.total, said=line
            )
        )

    def built(self, course: Course) -> None:
        """Tell that the image is built."""
        self._emit(
            events.RebuildBuilt(
                target=self._target, image=course.image, built_ms=course.built_ms
            )
        )

    def delivered(self, course: Course, way: Route) -> None:
        """Tell that the image is where the nodes get it from."""
        self._emit(
            events.RebuildDelivered(
                target=self._target,
                image=course.image,
                way=str(way),
                delivered_ms=course.delivered_ms,
            )
        )

    def rolling(self, course: Course, before: str) -> None:
        """Tell that the workload names the image."""
        self._emit(
            events.RebuildRolling(
                target=self._target, image=course.image, before=before
            )
        )

    def done(self, course: Course, rolled: Rolled) -> None:
        """Tell that all Pods run the image, are in step, and ready."""
        self._emit(
            events.RebuildDone(
                target=self._target,
                image=course.image,
                pods=rolled.pods,
                built_ms=course.built_ms,
                delivered_ms=course.delivered_ms,
                rolled_ms=rolled.rolled_ms,
                reconciled_ms=rolled.reconciled_ms,
                ready_ms=rolled.ready_ms,
                total_ms=since_ms(course.detected_at_s),
            )
        )

    def cancelled(self, course: Course) -> None:
        """Tell that a newer edit asks for another image."""
        self._emit(
            events.RebuildCancelled(
                target=self._target, image=course.image, stage=course.stage
            )
        )

    def failed(self, error: SyncdError, course: Course) -> None:
        """Tell why the image does not run."""
        known = error if isinstance(error, CannotRebuild) else None
        self._emit(
            events.RebuildFailed(
                target=self._target,
                image=course.image,
                stage=known.stage if known else course.stage,
                reason=str(error),
                hint=error.hint,
                detail=known.detail if known else (),
                log=course.log,
            )
        )

    def rolled_back(self, image: str, before: str) -> None:
        """Tell that the workload names its old image again."""
        self._emit(
            events.RebuildRolledBack(target=self._target, image=image, before=before)
        )


def since_ms(started_s: float) -> float:
    """Return the milliseconds since a monotonic time."""
    return (anyio.current_time() - started_s) * 1000

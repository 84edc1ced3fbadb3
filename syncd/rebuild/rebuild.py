"""One target's image, kept the one that its inputs ask for.

    look ─▶ decide ─▶ find ─▶ build ─▶ deliver ─▶ patch ─▶ follow
                        └────────────────────────▶

Nothing is changed before the patch, which is one request: whoever is killed before it
has changed nothing, and whoever is killed after it had no more to change. What is tried
again finds what there is by now: the image in the registry, the workload as patched.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio import to_thread

from syncd import events
from syncd.cluster import Api, TargetSpec
from syncd.config import Rebuild as Settings
from syncd.errors import Halted, SyncdError, TransportError
from syncd.rebuild import material, rollout
from syncd.rebuild.deciding import Deciding, Judgement
from syncd.rebuild.failure import CannotRollOut
from syncd.rebuild.identity import why_not
from syncd.rebuild.inputs import Inputs, Look
from syncd.rebuild.making import Making
from syncd.rebuild.memory import Memory
from syncd.rebuild.reference import Reference
from syncd.rebuild.rollout import Replicas
from syncd.rebuild.telling import Course, Telling
from syncd.rebuild.workload import digest_of


_AWAY_S = 60.0  # how long the patch waits for an API server that does not answer
_PAUSE_S = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """An image that is needed.

    Attributes:
        look: The inputs that it is built from.
        judgement: What is there instead.
        detected_at_s: Monotonic time of the first hint of the edit.
    """

    look: Look
    judgement: Judgement
    detected_at_s: float


class Rebuild:
    """Decides, and carries out, for one target.

    Args:
        api: The cluster.
        spec: The workload.
        settings: How its image is made.
        project: The folder that relative paths start from.
        replicas: Who knows which Pods are in step.
        emit: Where events go.
        made_up_for: Whether a command in the containers makes up for a change of an
            input, instead of another image.

    Attributes:
        inputs: What the image is built from.
    """

    def __init__(
        self,
        api: Api,
        spec: TargetSpec,
        settings: Settings,
        project: Path,
        replicas: Replicas,
        emit: events.Emit,
        made_up_for: Callable[[str], bool] = lambda _: False,
    ) -> None:
        self.inputs = Inputs(
            settings.context,
            settings.dockerfile,
            settings.inputs,
            material.written(settings),
            material.facts(settings),
        )
        self._course: Course | None = None
        self._scope = anyio.CancelScope()
        self._api = api
        self._settings = settings
        self._target = str(spec)
        self._replicas = replicas
        self._emit = emit
        self._tell = Telling(self._target, emit)
        place = (api.server, spec.namespace, str(spec), spec.container or "")
        self._deciding = Deciding(api, spec, Memory.of(*place), made_up_for)
        self._making = Making(api, self._target, settings, project, self._tell)
        self._runs = ""  # the digest that the workload is known to run
        self._warned = False

    # --- deciding ---------------------------------------------------------------

    async def decide(
        self,
        look: Look,
        edited: Collection[str],
        detected_at_s: float,
        looked_at_s: float,
    ) -> Order | None:
        """Return what is to be carried out, if the inputs ask for another image.

        Args:
            look: The inputs.
            edited: Those that were written since the last decision; none at the start.
            detected_at_s: Monotonic time of the first hint.
            looked_at_s: Monotonic time of the look.

        Raises:
            SyncdError: If the workload cannot be read.
        """
        digest = look.identity.digest
        if digest == self._runs:
            if edited:
                kinds = {look.inputs[p].kind for p in edited if p in look.inputs}
                self._tell.decided(edited, digest, why_not(kinds), looked_at_s)
            return None
        found = await self._deciding.judge(look.identity)
        self._warn(found)
        match found.verdict:
            case "other":
                self._tell.needed(edited, digest, found.reason, looked_at_s)
                return Order(look, found, detected_at_s)
            case "drifted":
                self._tell.drifted(found.reason)
                return None
            case "same" | "adopted":
                self._runs = digest
                if edited or found.verdict == "adopted":
                    self._tell.decided(edited, digest, found.reason, looked_at_s)
                return None

    # --- carrying out -----------------------------------------------------------

    async def carry_out(self, order: Order) -> bool:
        """Bring the workload to the image, and tell what becomes of it.

        Whatever fails is told; the workload is as it was, or names the new image.

        Returns:
            Whether it ended; if not, another image is needed by now.

        Raises:
            Halted: If the context has come to point to another cluster.
        """
        image = Reference.parse(order.judgement.workload.image)
        name = f"{image.repository}:{order.look.identity.tag}"
        self._course = Course(order.detected_at_s, name)
        try:
            with anyio.CancelScope() as self._scope:
                return await self._carry_out(order, self._course)
        except Halted:
            raise
        except SyncdError as error:
            self._tell.failed(error, self._course)
            return True
        finally:
            self._course = None
        return False

    def supersede(self) -> None:
        """Give up what is being carried out: another image is needed."""
        if self._course is not None:
            self._tell.cancelled(self._course)
            self._scope.cancel()

    async def _carry_out(self, order: Order, course: Course) -> bool:
        identity, judged = order.look.identity, order.judgement
        way = await self._making.find(identity, judged.workload, judged.known, course)
        if way is not None:

            async def still_wanted() -> bool:
                look = await to_thread.run_sync(self.inputs.look)
                return not look.is_newer_than(order.look)

            if not await self._making.make(identity, way, course, still_wanted):
                return False
        course.stage = "roll out"
        await self._roll_out(order, course)
        return True

    async def _roll_out(self, order: Order, course: Course) -> None:
        workload, known = order.judgement.workload, order.judgement.known
        identity = order.look.identity
        self._runs = ""  # whoever is cut short in the patch knows nothing
        await self._patch(order, course.image, identity.digest)
        self._runs = identity.digest
        await self._deciding.remember(identity, course.image)
        self._tell.rolling(course, workload.image)
        try:
            rolled = await rollout.follow(
                self._api,
                workload,
                course.image,
                self._replicas,
                self._emit,
                timeout_s=self._settings.timeout_s,
            )
        except CannotRollOut as error:
            self._runs = ""
            self._tell.failed(error, course)
            if self._settings.rollback:
                await self._patch(
                    order, workload.image, digest_of(workload.image, known)
                )
                self._tell.rolled_back(course.image, workload.image)
            return
        self._tell.done(course, rolled)

    async def _patch(self, order: Order, image: str, digest: str) -> None:
        """Name another image in the workload, as soon as the API server answers.

        Raises:
            CannotRollOut: If it refuses, or is away for too long.
        """
        workload = order.judgement.workload
        body = workload.patch(image, digest, order.judgement.known)
        until_s = anyio.current_time() + _AWAY_S
        while True:
            try:
                await self._api.apply(
                    workload.path, body, force=True, fieldManager=workload.manager
                )
            except TransportError as error:
                if anyio.current_time() > until_s:
                    raise CannotRollOut(str(error), hint=error.hint) from error
                self._api.outage.began(error, self._emit)
                await anyio.sleep(_PAUSE_S)
            except Halted:
                raise
            except SyncdError as error:
                raise CannotRollOut(str(error), hint=error.hint) from error
            else:
                self._api.outage.ended(self._emit)
                return

    def _warn(self, found: Judgement) -> None:
        workload = found.workload
        moves = Reference.parse(workload.image).is_latest
        if moves and workload.pull_policy == "Always" and not self._warned:
            self._warned = True
            self._tell.moving(workload.image)

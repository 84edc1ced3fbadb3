"""An image that is needed: found where it is, or built and delivered."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import anyio
from anyio import to_thread

from syncd.cluster import Api
from syncd.config import Rebuild as Settings
from syncd.errors import Halted, SyncdError
from syncd.rebuild import building, delivery, material, nodes, registry, route
from syncd.rebuild.builders import Builder, Job
from syncd.rebuild.failure import CannotDeliver
from syncd.rebuild.identity import Identity
from syncd.rebuild.output import Output, new_log
from syncd.rebuild.route import Hosting, Route
from syncd.rebuild.telling import Course, Telling, since_ms
from syncd.rebuild.workload import Workload


_HOSTING = "/api/v1/namespaces/kube-public/configmaps/local-registry-hosting"


class Making:
    """Makes the images of one target.

    Args:
        api: The cluster.
        target: The target's name.
        settings: How it is done.
        project: The folder that relative paths start from.
        tell: Told what becomes of it.
    """

    def __init__(
        self, api: Api, target: str, settings: Settings, project: Path, tell: Telling
    ) -> None:
        self._api = api
        self._target = target
        self._settings = settings
        self._project = project
        self._tell = tell

    async def find(
        self,
        identity: Identity,
        workload: Workload,
        known: Mapping[str, str],
        course: Course,
    ) -> Route | None:
        """Find the image, and name it in `course`; return its way if it must be made.

        Raises:
            CannotDeliver: If no way to the nodes is known.
        """
        hosting = await self._hosting()
        way = route.choose(self._settings, workload.image, self._api.context, hosting)
        course.image = f"{way.inside}:{identity.tag}"
        _check_pull_policy(workload, way)
        before = known.get(identity.digest, course.image)
        if before != course.image and await self._is_there_still(before, hosting):
            course.image = before
            self._tell.found(before, "the cluster")
            return None
        if way.way == "push":
            has, where = await registry.has(f"{way.outside}:{identity.tag}"), "registry"
        else:
            has, where = await nodes.have(self._api, course.image), "cluster"
        if has:
            self._tell.found(course.image, f"the {where}")
            return None
        return way

    async def make(
        self,
        identity: Identity,
        way: Route,
        course: Course,
        still_wanted: Callable[[], Awaitable[bool]],
    ) -> bool:
        """Build the image and deliver it.

        Args:
            identity: What it is built from.
            way: How it gets to the nodes.
            course: Told how far it is.
            still_wanted: Whether the inputs are as they were before the build began.

        Returns:
            Whether it was made; if not, nobody knows what went into it.

        Raises:
            CannotRebuild: With what is known of why.
        """
        builder = await building.find(self._settings.builder)
        given = await to_thread.run_sync(material.gather, self._settings, self._project)
        known = builder if isinstance(builder, Builder) else None
        reference = route.built_as(way, known, identity.tag)
        output = Output(new_log(self._target), given.hidden, self._tell.progress)
        course.log = str(output.path)
        with output:
            self._tell.started(course, builder.name)
            started_s = anyio.current_time()
            job = self._job(reference, identity, given)
            await building.build(builder, job, output, given.arguments)
            if not await still_wanted():
                return False
            course.built_ms = since_ms(started_s)
            self._tell.built(course)
            course.stage = "deliver"
            started_s = anyio.current_time()
            await delivery.deliver(way, builder, reference, output)
            course.delivered_ms = since_ms(started_s)
            self._tell.delivered(course, way)
        return True

    def _job(self, reference: str, identity: Identity, given: material.Material) -> Job:
        context = self._settings.context
        return Job(
            context=context,
            dockerfile=context / self._settings.dockerfile,
            reference=reference,
            digest=identity.digest,
            arguments=tuple(given.arguments),
            secrets=given.secrets,
            platform=self._settings.platform or "",
        )

    async def _hosting(self) -> Hosting | None:
        try:
            return Hosting.of(await self._api.get(_HOSTING))
        except Halted:
            raise
        except SyncdError:
            return None  # most clusters have none, and not everybody may look

    async def _is_there_still(self, image: str, hosting: Hosting | None) -> bool:
        """Tell whether an image that ran before can be taken again; doubt counts as yes."""
        if await nodes.have(self._api, image):
            return True
        outside = route.as_seen_here(image, self._settings, hosting)
        return not outside or await registry.has(outside) is not False


def _check_pull_policy(workload: Workload, way: Route) -> None:
    if way.way != "push" and workload.pull_policy == "Always":
        raise CannotDeliver(
            f"{workload.spec} pulls its image always, and the image is in no registry",
            hint=f"set imagePullPolicy: IfNotPresent for container {workload.container}",
        )

"""A new image for each save: built, delivered and rolled out, as without any sync.

The image is the running one with the folder copied over it, so nothing is installed:
no real rebuild is shorter. It runs in a Deployment beside the target's, of the same
template but for its labels, so that neither takes the other's Pods away.
"""

import copy
import json
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread
from anyio.abc import TaskGroup, TaskStatus

from syncd.bench.edits import Edit
from syncd.bench.look import Endpoint
from syncd.bench.modes.mode import Account, Mode
from syncd.bench.place import Place
from syncd.cluster import Refused, TargetSpec, forward
from syncd.cluster.pods import label_selector
from syncd.cluster.tasks import task_group
from syncd.config import Rebuild as Settings
from syncd.errors import ConfigError, SyncdError, TargetError
from syncd.rebuild import building, delivery, route
from syncd.rebuild.builders import Builder, Job
from syncd.rebuild.output import Output
from syncd.rebuild.route import Hosting, Route
from syncd.rebuild.workload import Workload


LABEL = "app.kubernetes.io/instance"
_HOSTING = "/api/v1/namespaces/kube-public/configmaps/local-registry-hosting"
_LOOK_EVERY_S = 0.05
_SUFFIX = "-syncd-bench"
_END_S = 10.0


@dataclass(frozen=True, slots=True)
class _Works:
    """How the images are made, and where they run.

    Attributes:
        workload: What is copied.
        twin: The copy, as it was created.
    """

    workload: Workload
    twin: dict[str, Any]
    way: Route
    builder: Builder | building.Own
    dockerfile: Path


class Rebuild(Mode):
    """Builds and rolls out.

    Args:
        place: The target; it must be a Deployment.
        port: Where the program listens in its container.
        folder: The copy that is edited.
        scratch: Where the Dockerfile and the builder's log go.
    """

    def __init__(self, place: Place, port: int, folder: Path, scratch: Path) -> None:
        super().__init__("rebuild", place.endpoint)
        target = place.settings.targets[0]
        spec = TargetSpec.parse(
            target.title, place.replicas[0].namespace, place.replicas[0].container
        )
        if spec.kind != "deployment":
            raise ConfigError(
                f"mode rebuild needs a Deployment, and {spec} is none",
                hint="leave --mode rebuild out",
            )
        self._api = place.api
        self._remote = place.remote
        self._spec = spec
        self._port = port
        self._scratch = scratch
        self._settings = target.rebuild or Settings(context=folder)
        self._rolled = anyio.Event()
        self._works: _Works | None = None
        self._tasks: TaskGroup | None = None
        self._way = anyio.CancelScope()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Run the second Deployment while the block lasts."""
        works = self._works = await self._set_up()
        await self._create(works.twin)
        try:
            async with task_group() as self._tasks:
                yield
                self._tasks.cancel_scope.cancel()
        finally:
            with anyio.move_on_after(_END_S, shield=True):
                await self._api.delete(self._twin, propagationPolicy="Background")

    async def _create(self, twin: Mapping[str, Any]) -> None:
        """Create the second Deployment, in the place of one that a killed run left."""
        try:
            await self._api.create(self._collection, twin)
        except Refused as refused:
            if refused.reason != "AlreadyExists" or not await self._is_left():
                raise
            await self._api.delete(self._twin, propagationPolicy="Background")
            await self._api.create(self._collection, twin)

    async def _is_left(self) -> bool:
        """Tell whether what has the name of the second Deployment was one."""
        metadata = (await self._api.get(self._twin))["metadata"]
        labels = metadata.get("labels") or {}
        return bool(labels.get(LABEL) == metadata["name"])

    async def _set_up(self) -> _Works:
        document = await self._api.get(f"{self._collection}/{self._spec.name}")
        workload = Workload.of(self._spec, document)
        image, hosting = workload.image, await self._hosting()
        base = route.as_seen_here(image, self._settings, hosting) or image
        dockerfile = self._scratch / "Dockerfile.rebuild"
        paths = json.dumps([".", f"{self._remote}/"])  # spaces and all
        said = f"FROM {base}\nCOPY {paths}\n"
        await to_thread.run_sync(dockerfile.write_text, said)
        return _Works(
            workload=workload,
            twin=twin(document, f"{self._spec.name}{_SUFFIX}"),
            way=route.choose(self._settings, image, self._api.context, hosting),
            builder=await building.find(self._settings.builder),
            dockerfile=dockerfile,
        )

    async def push(self, edit: Edit) -> Account:
        """Build an image of the folder, deliver it, and roll it out."""
        works, tasks = self._works, self._tasks
        assert works is not None
        assert tasks is not None
        await self._make(works, edit)
        image = f"{works.way.inside}:{edit.marker}"
        template = {"spec": renamed(works.twin, works.workload.image, image)}
        await self._api.patch(self._twin, {"spec": {"template": template}})
        pod = await self._new_pod(works, image)
        applied_s = time.monotonic()
        space = self._spec.namespace
        self._way.cancel()
        here = await tasks.start(self._forward, space, pod)
        self.endpoint = Endpoint("127.0.0.1", here, self.endpoint.path)
        self._rolled.set()
        return Account({"applied": applied_s})

    async def _forward(
        self, space: str, pod: str, *, task_status: TaskStatus[int]
    ) -> None:
        """Lead to a Pod until there is a newer one."""
        with anyio.CancelScope() as self._way:
            port, status = self._port, task_status
            await forward(self._api, space, pod, port, task_status=status)

    async def _make(self, works: _Works, edit: Edit) -> None:
        """Build the image of an edit, and bring it to where the nodes get it from."""
        known = works.builder if isinstance(works.builder, Builder) else None
        reference = route.built_as(works.way, known, edit.marker)
        log = self._scratch / f"{edit.marker}.log"
        output = await to_thread.run_sync(Output, log, (), lambda *_: None)
        with output:
            job = Job(edit.folder, works.dockerfile, reference, edit.marker)
            await building.build(works.builder, job, output, {})
            await delivery.deliver(works.way, works.builder, reference, output)

    async def served(self, marker: str) -> float:
        """Look for the marker once there is a Pod that could show it."""
        await self._rolled.wait()
        self._rolled = anyio.Event()
        return await self.endpoint.until(marker)

    @property
    def _collection(self) -> str:
        return f"/apis/apps/v1/namespaces/{self._spec.namespace}/deployments"

    @property
    def _twin(self) -> str:
        return f"{self._collection}/{self._spec.name}{_SUFFIX}"

    async def _new_pod(self, works: _Works, image: str) -> str:
        """Return the Pod that runs an image, as soon as it does."""
        pods = f"/api/v1/namespaces/{self._spec.namespace}/pods"
        selector = label_selector(works.twin)
        with anyio.move_on_after(self._settings.timeout_s):
            while True:
                found = await self._api.get(pods, labelSelector=selector)
                for pod in found["items"]:
                    if _runs(pod, works.workload.container, image):
                        return str(pod["metadata"]["name"])
                await anyio.sleep(_LOOK_EVERY_S)
        raise TargetError(f"no Pod of {self._spec.name}{_SUFFIX} runs {image}")

    async def _hosting(self) -> Hosting | None:
        try:
            return Hosting.of(await self._api.get(_HOSTING))
        except SyncdError:
            return None  # most clusters have none


def twin(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a Deployment like `document`, one Pod of it, that is called `name`.

    What selects the Pods of `document` does not select its Pods.
    """
    spec = copy.deepcopy(dict(document["spec"]))
    theirs = spec["selector"].get("matchLabels") or {}
    labels = spec["template"]["metadata"].get("labels") or {}
    kept = {key: value for key, value in labels.items() if key not in theirs}
    spec["template"]["metadata"] = {"labels": {**kept, LABEL: name}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": {LABEL: name}},
        "spec": {
            **spec,
            "replicas": 1,
            "selector": {"matchLabels": {LABEL: name}},
        },
    }


def renamed(document: Mapping[str, Any], image: str, other: str) -> dict[str, Any]:
    """Return the part of a Pod's spec that names `other` wherever `document` has `image`.

    An init container may put what is in the image where the program runs.
    """
    spec = document["spec"]["template"]["spec"]
    return {
        field: [
            {"name": each["name"], "image": other}
            for each in spec.get(field) or ()
            if each["image"] == image
        ]
        for field in ("initContainers", "containers")
        if spec.get(field)
    }


def _runs(pod: Mapping[str, Any], container: str, image: str) -> bool:
    containers = pod["spec"]["containers"]
    wanted = any(c["name"] == container and c["image"] == image for c in containers)
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    return wanted and any(
        status["name"] == container and "running" in (status.get("state") or {})
        for status in statuses
    )

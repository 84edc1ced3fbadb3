"""A rollout followed until all is in step and ready, or something is in the way."""

from collections.abc import Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

import anyio

from syncd import events
from syncd.cluster import Api
from syncd.cluster.pods import label_selector
from syncd.cluster.tasks import task_group
from syncd.cluster.watching import Changed, Event, Gone, Listed
from syncd.errors import TransportError
from syncd.rebuild.explain import explain
from syncd.rebuild.failure import CannotRollOut
from syncd.rebuild.progress import Progress, progress
from syncd.rebuild.trouble import Trouble, at_last, find
from syncd.rebuild.workload import Workload


Object = Mapping[str, Any]
_AWAY_S = 5.0  # how much longer is waited each time that the API server does not answer


class Replicas(Protocol):
    """The containers that are kept in step."""

    def level(self, pods: Collection[str]) -> Collection[str]:
        """Return which of the Pods hold what the local folders hold, or have refused."""
        ...

    async def changed(self) -> None:
        """Wait until that may be another answer."""
        ...


@dataclass(frozen=True, slots=True)
class Rolled:
    """How a rollout went.

    Attributes:
        pods: The new Pods.
        rolled_ms: From the beginning to the last container running.
        reconciled_ms: From then until the last of them was in step.
        ready_ms: From then until the rollout was complete.
    """

    pods: tuple[str, ...]
    rolled_ms: float
    reconciled_ms: float
    ready_ms: float


async def follow(
    api: Api,
    workload: Workload,
    image: str,
    replicas: Replicas,
    emit: events.Emit,
    *,
    timeout_s: float,
) -> Rolled:
    """Return once every Pod of a workload runs an image, is in step and is ready.

    Args:
        api: The cluster.
        workload: What was changed just now.
        image: What it names since.
        replicas: Who knows which Pods are in step.
        emit: Where events go.
        timeout_s: How long the new Pods may take.

    Raises:
        CannotRollOut: With all that the cluster knows of why.
    """
    rollout = _Rollout(api, workload, image, replicas, emit, timeout_s)
    async with task_group() as tasks:
        tasks.start_soon(rollout.hear_of_workload)
        tasks.start_soon(rollout.hear_of_pods)
        tasks.start_soon(rollout.hear_of_replicas)
        try:
            return await rollout.until_complete()
        finally:
            tasks.cancel_scope.cancel()


class _Rollout:
    def __init__(
        self,
        api: Api,
        workload: Workload,
        image: str,
        replicas: Replicas,
        emit: events.Emit,
        timeout_s: float,
    ) -> None:
        self._api = api
        self._workload = workload
        self._image = image
        self._replicas = replicas
        self._emit = emit
        self._timeout_s = timeout_s
        self._started_s = anyio.current_time()
        self._deadline_s = self._started_s + timeout_s
        self._document: Object = {}
        self._selector = ""
        self._pods: dict[str, Object] = {}
        self._moved = anyio.Event()
        self._selected = anyio.Event()
        self._told: events.RebuildPods | None = None
        self._running_s: float | None = None
        self._level_s: float | None = None
        self._troubled_since_s: dict[tuple[str, str], float] = {}

    # --- what is heard ----------------------------------------------------------

    async def hear_of_workload(self) -> None:
        name = f"metadata.name={self._workload.spec.name}"
        path = self._workload.collection
        watching = self._api.watch(path, self._emit, fieldSelector=name)
        async with aclosing(watching) as heard:
            async for event in heard:
                for document in _objects(event):
                    self._document = document
                    self._selector = label_selector(document)
                    self._selected.set()
                self._moved.set()

    async def hear_of_pods(self) -> None:
        await self._selected.wait()
        namespace = self._workload.spec.namespace
        path = f"/api/v1/namespaces/{namespace}/pods"
        watching = self._api.watch(path, self._emit, labelSelector=self._selector)
        async with aclosing(watching) as heard:
            async for event in heard:
                if isinstance(event, Listed):
                    self._pods.clear()
                for pod in _objects(event):
                    self._pods[pod["metadata"]["uid"]] = pod
                if isinstance(event, Gone):
                    self._pods.pop(event.object["metadata"]["uid"], None)
                self._moved.set()

    async def hear_of_replicas(self) -> None:
        while True:
            await self._replicas.changed()
            self._moved.set()

    # --- what is made of it -----------------------------------------------------

    async def until_complete(self) -> Rolled:
        while True:
            self._moved = anyio.Event()
            wait_s = self._deadline_s - anyio.current_time()
            if self._document:
                now = self._progress()
                level = self._replicas.level(now.running)
                self._tell(now, level)
                self._take_times(now, level)
                if now.complete and now.running <= set(level):
                    return self._rolled(now)
                wait_s = min(wait_s, await self._check(now))
            if wait_s <= 0:
                await self._give_up()
                continue
            with anyio.move_on_after(wait_s):
                await self._moved.wait()

    def _progress(self) -> Progress:
        container = self._workload.container
        pods = self._pods.values()
        return progress(self._document, pods, container, self._image)

    async def _check(self, now: Progress) -> float:
        """Return how long what is in the way may still pass by itself.

        Raises:
            CannotRollOut: If it has had that time.
        """
        trouble = find(self._document, now.pods)
        if trouble is None:
            self._troubled_since_s.clear()
            return self._timeout_s
        key = (trouble.kind, trouble.name)
        since_s = self._troubled_since_s.setdefault(key, anyio.current_time())
        left_s = since_s + trouble.patience_s - anyio.current_time()
        if left_s <= 0:
            raise await self._explained(trouble)
        return left_s

    async def _give_up(self) -> None:
        """Raise that it took too long, unless it is the API server that is away."""
        try:
            self._document = await self._api.get(self._workload.path)
        except TransportError:
            self._deadline_s = anyio.current_time() + _AWAY_S
            return
        now = self._progress()
        trouble = find(self._document, now.pods)
        raise await self._explained(
            trouble or at_last(now.pods, self._workload.container)
        )

    async def _explained(self, trouble: Trouble) -> CannotRollOut:
        waited_s = anyio.current_time() - self._started_s
        return await explain(self._api, self._workload.spec, trouble, waited_s)

    def _tell(self, now: Progress, level: Collection[str]) -> None:
        event = events.RebuildPods(
            target=str(self._workload.spec),
            image=self._image,
            wanted=now.wanted,
            running=len(now.running),
            reconciled=len(now.running & set(level)),
            ready=len(now.ready),
        )
        if event != self._told:
            self._told = event
            self._emit(event)

    def _take_times(self, now: Progress, level: Collection[str]) -> None:
        if self._running_s is None and now.all_running:
            self._running_s = anyio.current_time()
        if self._running_s and self._level_s is None and now.running <= set(level):
            self._level_s = anyio.current_time()

    def _rolled(self, now: Progress) -> Rolled:
        complete_s = anyio.current_time()
        running_s = self._running_s or complete_s
        level_s = self._level_s or complete_s
        return Rolled(
            pods=tuple(sorted(now.running)),
            rolled_ms=(running_s - self._started_s) * 1000,
            reconciled_ms=(level_s - running_s) * 1000,
            ready_ms=(complete_s - level_s) * 1000,
        )


def _objects(event: Event) -> tuple[Object, ...]:
    match event:
        case Listed():
            return event.items
        case Changed():
            return (event.object,)
        case Gone():
            return ()

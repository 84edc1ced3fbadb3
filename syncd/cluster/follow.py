"""A target followed through rollouts, restarts and deletions."""

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from syncd.cluster.api import Api
from syncd.cluster.failures import NotFound
from syncd.cluster.pods import TargetSpec, View
from syncd.cluster.tasks import task_group
from syncd.cluster.tracking import Tracking
from syncd.cluster.watching import Event
from syncd.errors import Halted, SyncdError
from syncd.events import Emit


_SHOWN = 8


async def follow(
    api: Api, spec: TargetSpec, send: MemoryObjectSendStream[View], emit: Emit
) -> None:
    """Send what the target's containers are, whenever it changes.

    The first view is sent as soon as it is known, even if it is empty; its `note` and
    `skipped` then say why. Runs until cancelled, and then ends `send`. An API server
    that goes away is waited for.

    Args:
        api: The cluster.
        spec: The target.
        send: Where the views go.
        emit: Told when the API server stops answering, and when it is back.

    Raises:
        SyncdError: If the target cannot be looked up to begin with: no permission, no
            API server.
        Halted: Whenever the context has come to point to another server.
    """
    async with send:
        following = _Following(api, spec, send, emit)
        if following.tracking.has_workload:
            await following.workload()
        else:
            await following.pods()


class _Following:
    def __init__(
        self,
        api: Api,
        spec: TargetSpec,
        send: MemoryObjectSendStream[View],
        emit: Emit,
    ) -> None:
        self.tracking = Tracking(spec)
        self._api = api
        self._spec = spec
        self._send = send
        self._emit = emit
        self._sent: View | None = None
        self._is_known = False
        self._lack: str = ""

    async def workload(self) -> None:
        """Follow the workload, and the Pods of the selector that it has at the time."""
        path = _path(self._spec, f"{self._spec.kind}s", "/apis/apps/v1")
        name = f"metadata.name={self._spec.name}"
        async with (
            task_group() as tasks,
            aclosing(self._api.watch(path, self._emit, fieldSelector=name)) as events,
        ):
            query, pods = None, anyio.CancelScope()
            async for event in events:
                self.tracking.heard_of_workload(event)
                wanted = self.tracking.query()
                if wanted and wanted != query:
                    pods.cancel()
                    query, pods = wanted, anyio.CancelScope()
                    self._is_known = False
                    tasks.start_soon(self._pods_within, pods)
                elif self._is_known or self.tracking.workload is None:
                    await self._publish()

    async def _pods_within(self, scope: anyio.CancelScope) -> None:
        with scope:
            await self.pods()

    async def pods(self) -> None:
        """Follow the Pods that the target's query names now."""
        query = self.tracking.query()
        assert query is not None
        watching = self._api.watch(_path(self._spec, "pods"), self._emit, **query)
        async with aclosing(watching) as events:
            async for event in events:
                await self._heard_of_pods(event)

    async def _heard_of_pods(self, event: Event) -> None:
        self.tracking.heard_of_pods(event)
        self._is_known = True
        for uid, name in self.tracking.strangers().items():
            self.tracking.looked_up(uid, own=await self._owns(name))
        await self._publish()

    async def _publish(self) -> None:
        if (lack := self.tracking.lack) != self._lack:
            self._lack = lack
            self.tracking.note = await self._why_nothing() if lack else ""
        view = self.tracking.view()
        if view != self._sent:
            self._sent = view
            await self._send.send(view)

    async def _owns(self, replica_set: str) -> bool:
        path = _path(self._spec, f"replicasets/{replica_set}", "/apis/apps/v1")
        workload = self.tracking.workload or {}
        try:
            owners = (await self._api.get(path))["metadata"].get("ownerReferences")
        except NotFound:
            return False
        except Halted:
            raise
        except SyncdError:
            # The Pods bear the workload's labels: without leave to look closer, that
            # has to do.
            return True
        uid = workload.get("metadata", {}).get("uid")
        return any(owner.get("uid") == uid for owner in owners or ())

    async def _why_nothing(self) -> str:
        """Find out what a person needs to know if nothing matches the target."""
        namespace = self._spec.namespace
        place = f'in namespace "{namespace}"'
        if self.tracking.lack == "workload":
            kind = self._spec.kind
            path = _path(self._spec, f"{kind}s", "/apis/apps/v1")
            found = await self._names(path)
            return f"{self._spec} does not exist {place}{found}"
        if self._spec.kind == "pod":
            found = await self._names(_path(self._spec, "pods"))
            return f"{self._spec} does not exist {place}{found}"
        labels = (self.tracking.query() or {}).get("labelSelector", "")
        found = await self._names(_path(self._spec, "pods"), labels=True)
        return f"no Pod {place} has the labels {labels}{found}"

    async def _names(self, path: str, *, labels: bool = False) -> str:
        """Return what there is in the namespace instead, as the end of a sentence."""
        try:
            items = (await self._api.get(path, limit=_SHOWN + 1)).get("items") or []
            if not items:
                await self._api.get(f"/api/v1/namespaces/{self._spec.namespace}")
        except NotFound:
            return ": that namespace does not exist"
        except Halted:
            raise
        except SyncdError:
            return ""
        if not items:
            return "; there is none at all"
        shown = [_described(item, labels=labels) for item in items[:_SHOWN]]
        more = ", …" if len(items) > _SHOWN else ""
        return f"; there is {', '.join(shown)}{more}"


def _described(item: Mapping[str, Any], *, labels: bool) -> str:
    name = str(item["metadata"]["name"])
    if not labels:
        return name
    found = item["metadata"].get("labels") or {}
    return f"{name} ({','.join(f'{key}={value}' for key, value in found.items())})"


def _path(spec: TargetSpec, resource: str, group: str = "/api/v1") -> str:
    return f"{group}/namespaces/{spec.namespace}/{resource}"

"""Between the API and the node: Pods are handed over, their statuses written back."""

from collections.abc import Iterable
from typing import Any, Protocol

from syncd.loopback.controllers.context import Context, is_leaving, key_of
from syncd.loopback.controllers.loop import Key
from syncd.loopback.objects.defaults import NODE
from syncd.loopback.store import Event, Object


class Node(Protocol):
    """What runs Pods. No method blocks."""

    def start(self, pod: Object) -> None:
        """Run a Pod that was bound to the node."""

    def stop(self, uid: str, grace_s: float) -> None:
        """End a Pod; a second call may shorten the grace."""

    def status(self, uid: str) -> dict[str, Any]:
        """The PodStatus as a kubelet would write it."""

    def gone(self, uid: str) -> bool:
        """True when nothing of the Pod is left."""

    def forget(self, uid: str) -> None:
        """The Pod's object is gone too."""


class NodeSync:
    """Hands Pods to the node and writes down what it says about them."""

    def __init__(self, context: Context, node: Node) -> None:
        self._context = context
        self._node = node
        self._pods = context.catalog.named("pods")
        self._places: dict[str, Key] = {}
        self._graces: dict[str, float] = {}

    def everything(self) -> Iterable[Key]:
        """All Pods."""
        return [key_of(pod) for pod in self._context.store.all(self._pods)]

    def keys(self, event: Event) -> Iterable[Key]:
        """A Pod; one that is gone from the API is ended here and now."""
        if event.resource != self._pods:
            return
        if event.type == "DELETED":
            self._drop(event.after["metadata"]["uid"])
        else:
            yield key_of(event.after)

    def reconcile(self, key: Key) -> float | None:
        """Start a Pod that was bound, stop one that was deleted."""
        pod = self._context.store.get(self._pods, *key)
        if pod is None or pod["spec"].get("nodeName") != NODE:
            return None
        metadata = pod["metadata"]
        uid = metadata["uid"]
        if uid not in self._places:
            if is_leaving(pod):  # deleted before it was ever seen here
                self._context.store.delete(self._pods, pod)
                return None
            self._places[uid] = key
            self._node.start(pod)
        grace_s = metadata.get("deletionGracePeriodSeconds")
        if grace_s and self._graces.get(uid) != grace_s:
            self._graces[uid] = grace_s
            self.changed(uid)  # first that it was seen, then what comes of it
            self._node.stop(uid, grace_s)
        return None

    def changed(self, uid: str) -> None:
        """Write down the status of a Pod; delete its object when nothing is left."""
        pod = self._pod(uid)
        if pod is None:
            if self._node.gone(uid):
                self._node.forget(uid)  # its object was deleted by force before
            return
        status = {"qosClass": pod["status"].get("qosClass"), **self._node.status(uid)}
        if self._context.dialect.modern:
            status = _observed(status, pod["metadata"].get("generation", 1))
        pod = self._context.write_status(pod, _kept(pod, status), "kubelet")
        if self._node.gone(uid) and is_leaving(pod):
            metadata = {**pod["metadata"], "deletionGracePeriodSeconds": 0}
            last = {**pod, "metadata": metadata}
            last = self._context.store.replace(self._pods, last)
            self._context.store.delete(self._pods, last)

    def say(
        self, uid: str, kind: str, reason: str, message: str, container: str | None
    ) -> None:
        """Record an Event that the node reports about a Pod."""
        if pod := self._pod(uid):
            self._context.recorder.record(
                pod,
                kind,
                reason,
                message,
                component="kubelet",
                container=container or "",
            )

    def _pod(self, uid: str) -> Object | None:
        place = self._places.get(uid)
        pod = self._context.store.get(self._pods, *place) if place else None
        return pod if pod is not None and pod["metadata"]["uid"] == uid else None

    def _drop(self, uid: str) -> None:
        if self._places.pop(uid, None) is None:
            return
        self._graces.pop(uid, None)
        if not self._node.gone(uid):
            self._node.stop(uid, 0)
        self._node.forget(uid)


def _observed(status: dict[str, Any], generation: int) -> dict[str, Any]:
    conditions = [
        {**condition, "observedGeneration": generation}
        for condition in status.get("conditions", ())
    ]
    return {**status, "observedGeneration": generation, "conditions": conditions}


def _kept(pod: Object, status: dict[str, Any]) -> dict[str, Any]:
    """`status` with the time at which the scheduler bound the Pod."""
    bound = [
        condition
        for condition in pod["status"].get("conditions", ())
        if condition["type"] == "PodScheduled"
    ]
    if not bound:
        return status
    since = bound[0]["lastTransitionTime"]
    conditions = [
        {**condition, "lastTransitionTime": since}
        if condition["type"] == "PodScheduled"
        else condition
        for condition in status.get("conditions", ())
    ]
    return {**status, "conditions": conditions}

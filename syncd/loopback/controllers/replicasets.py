"""ReplicaSet to Pods."""

from collections.abc import Iterable
from typing import Any

from syncd.loopback.api.wording import is_true
from syncd.loopback.apierror import ApiError
from syncd.loopback.controllers.context import (
    Context,
    controller_of,
    is_finished,
    is_leaving,
    key_of,
    owner_keys,
    reference,
)
from syncd.loopback.controllers.loop import Key
from syncd.loopback.objects.selectors import selector_match
from syncd.loopback.store import Event, Object, now


_COMPONENT = "replicaset-controller"


class ReplicaSets:
    """Keeps as many Pods of a template as a ReplicaSet wants."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sets = context.catalog.named("replicasets")
        self._pods = context.catalog.named("pods")

    def everything(self) -> Iterable[Key]:
        """All ReplicaSets."""
        return [key_of(obj) for obj in self._context.store.all(self._sets)]

    def keys(self, event: Event) -> Iterable[Key]:
        """A ReplicaSet itself, or the one that a Pod belongs or could belong to."""
        if event.resource == self._sets:
            yield key_of(event.after)
        elif event.resource == self._pods:
            yield from owner_keys(event.after, "ReplicaSet")
            if event.before is not None:
                yield from owner_keys(event.before, "ReplicaSet")
            if controller_of(event.after) is None:
                yield from self._willing(event.after)

    def reconcile(self, key: Key) -> float | None:
        """Create or delete Pods, then report what was there before."""
        owner = self._context.store.get(self._sets, *key)
        if owner is None or is_leaving(owner):
            return None
        pods = self._claimed(owner)
        active = [p for p in pods if not is_leaving(p) and not is_finished(p)]
        failure = self._manage(owner, active)
        current = self._context.store.get(self._sets, *key) or owner
        status = self._status(owner, pods, active, failure)
        self._context.write_status(current, status)
        return 1.0 if failure else None

    def _willing(self, pod: Object) -> Iterable[Key]:
        namespace = pod["metadata"]["namespace"]
        for owner in self._context.store.all(self._sets, namespace):
            if selector_match(owner["spec"]["selector"])(pod):
                yield key_of(owner)

    def _claimed(self, owner: Object) -> list[Object]:
        """The Pods of this set: orphans that match are adopted, strays released."""
        matches = selector_match(owner["spec"]["selector"])
        claimed = []
        for pod in self._context.store.all(self._pods, owner["metadata"]["namespace"]):
            ref = controller_of(pod)
            if ref is None and matches(pod) and not is_leaving(pod):
                claimed.append(self._refer(pod, [reference(owner)]))
            elif ref is not None and ref["uid"] == owner["metadata"]["uid"]:
                if matches(pod) or is_leaving(pod):
                    claimed.append(pod)
                else:
                    self._refer(pod, [])
        return claimed

    def _refer(self, pod: Object, references: list[dict[str, Any]]) -> Object:
        metadata = {k: v for k, v in pod["metadata"].items() if k != "ownerReferences"}
        if references:
            metadata["ownerReferences"] = references
        return self._context.store.replace(self._pods, {**pod, "metadata": metadata})

    def _manage(self, owner: Object, active: list[Object]) -> ApiError | None:
        surplus = len(active) - owner["spec"]["replicas"]
        for pod in sorted(active, key=_worth)[: max(0, surplus)]:
            self._context.delete(pod)
            self._say(
                owner, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}"
            )
        try:
            for _ in range(-surplus):
                pod = self._context.create(self._pods, _pod_of(owner))
                name = pod["metadata"]["name"]
                self._say(owner, "SuccessfulCreate", f"Created pod: {name}")
        except ApiError as error:
            text = f"Error creating: {error.message}"
            self._say(owner, "FailedCreate", text, kind="Warning")
            return error
        return None

    def _say(
        self, owner: Object, reason: str, message: str, *, kind: str = "Normal"
    ) -> None:
        self._context.recorder.record(
            owner, kind, reason, message, component=_COMPONENT
        )

    def _status(
        self,
        owner: Object,
        pods: list[Object],
        active: list[Object],
        failure: ApiError | None,
    ) -> dict[str, Any]:
        labels = owner["spec"]["template"]["metadata"].get("labels", {}).items()
        labelled = sum(1 for p in active if labels <= p["metadata"]["labels"].items())
        ready = sum(1 for pod in active if is_true(pod["status"], "Ready"))
        counts = {
            "fullyLabeledReplicas": labelled,
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        status: dict[str, Any] = {"replicas": len(active)}
        status |= {name: count for name, count in counts.items() if count}
        if self._context.dialect.modern:
            leaving = [p for p in pods if is_leaving(p) and not is_finished(p)]
            status["terminatingReplicas"] = len(leaving)
        status["observedGeneration"] = owner["metadata"].get("generation", 1)
        if failure:
            status["conditions"] = [_failure(owner, failure)]
        return status


def _failure(owner: Object, error: ApiError) -> dict[str, Any]:
    since = now()
    for condition in owner.get("status", {}).get("conditions", ()):
        if condition["type"] == "ReplicaFailure":
            since = condition["lastTransitionTime"]
    return {
        "type": "ReplicaFailure",
        "status": "True",
        "lastTransitionTime": since,
        "reason": "FailedCreate",
        "message": error.message,
    }


def _worth(pod: Object) -> tuple[bool, bool, bool, int, float]:
    """The order of deletion: those that serve least, and the youngest, go first."""
    status, metadata = pod["status"], pod["metadata"]
    restarts = sum(c["restartCount"] for c in status.get("containerStatuses", ()))
    return (
        "nodeName" in pod["spec"],
        status.get("phase") == "Running",
        is_true(status, "Ready"),
        -restarts,
        -int(metadata["resourceVersion"]),
    )


def _pod_of(owner: Object) -> Object:
    template, metadata = owner["spec"]["template"], owner["metadata"]
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            **template["metadata"],
            "generateName": f"{metadata['name']}-",
            "namespace": metadata["namespace"],
            "ownerReferences": [reference(owner)],
        },
        "spec": template["spec"],
    }

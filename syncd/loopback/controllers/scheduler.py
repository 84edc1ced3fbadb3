"""Binding Pods to the one node, or saying why they fit nowhere."""

from collections.abc import Iterable
from typing import Any

from syncd.loopback.controllers.context import Context, is_finished, is_leaving, key_of
from syncd.loopback.controllers.loop import Key
from syncd.loopback.objects.defaults import NODE
from syncd.loopback.store import Event, Object, now


_COMPONENT = "default-scheduler"
_FACTORS = {
    **{f"{unit}i": 1024.0**power for power, unit in enumerate("KMGTPE", 1)},
    **{unit: 1000.0**power for power, unit in enumerate("kMGTPE", 1)},
    "m": 0.001,
}


class Scheduler:
    """Gives each new Pod the node, if its selector and requests allow it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._pods = context.catalog.named("pods")
        self._nodes = context.catalog.named("nodes")

    def everything(self) -> Iterable[Key]:
        """All Pods that have no node."""
        return [
            key_of(pod)
            for pod in self._context.store.all(self._pods)
            if "nodeName" not in pod["spec"]
        ]

    def keys(self, event: Event) -> Iterable[Key]:
        """A new Pod; all waiting ones when room was made."""
        if event.resource == self._nodes:
            yield from self.everything()
        elif event.resource == self._pods:
            if event.type == "DELETED":
                yield from self.everything()
            elif "nodeName" not in event.after["spec"]:
                yield key_of(event.after)

    def reconcile(self, key: Key) -> float | None:
        """Bind the Pod, or note why not."""
        pod = self._context.store.get(self._pods, *key)
        if pod is None or is_leaving(pod) or "nodeName" in pod["spec"]:
            return None
        why = self._misfit(pod)
        scheduled: dict[str, Any] = {
            "type": "PodScheduled",
            "status": "False" if why else "True",
            "lastProbeTime": None,
            "lastTransitionTime": now(),
        }
        if why:
            message = f"0/1 nodes are available: 1 {why}."
            scheduled |= {"reason": "Unschedulable", "message": message}
            if _condition(pod).get("message") != message:
                self._say(pod, "Warning", "FailedScheduling", message)
                self._write(pod, pod["spec"], scheduled)
            return None
        bound = self._write(pod, {**pod["spec"], "nodeName": NODE}, scheduled)
        name = "/".join(key)
        message = f"Successfully assigned {name} to {NODE}"
        self._say(bound, "Normal", "Scheduled", message)
        return None

    def _write(
        self, pod: Object, spec: dict[str, Any], scheduled: dict[str, Any]
    ) -> Object:
        status = {**pod["status"], "conditions": [scheduled]}
        return self._context.store.replace(
            self._pods, {**pod, "spec": spec, "status": status}
        )

    def _say(self, pod: Object, kind: str, reason: str, message: str) -> None:
        self._context.recorder.record(pod, kind, reason, message, component=_COMPONENT)

    def _misfit(self, pod: Object) -> str:
        """Why the node does not take the Pod, or nothing."""
        node = self._context.store.get(self._nodes, "", NODE)
        if node is None:
            return "node(s) had no node"
        selector = pod["spec"].get("nodeSelector") or {}
        if not selector.items() <= node["metadata"]["labels"].items():
            return "node(s) didn't match Pod's node affinity/selector"
        if node["spec"].get("unschedulable"):
            return "node(s) were unschedulable"
        for name in ("cpu", "memory"):
            room = _amount(node["status"]["allocatable"][name])
            used = sum(_requests(other, name) for other in self._running())
            if used + _requests(pod, name) > room:
                return f"Insufficient {name}"
        return ""

    def _running(self) -> list[Object]:
        return [
            pod
            for pod in self._context.store.all(self._pods)
            if "nodeName" in pod["spec"] and not is_finished(pod)
        ]


def _condition(pod: Object) -> dict[str, Any]:
    for condition in pod["status"].get("conditions", ()):
        if condition["type"] == "PodScheduled":
            return dict(condition)
    return {}


def _requests(pod: Object, name: str) -> float:
    return sum(
        _amount(container["resources"].get("requests", {}).get(name, "0"))
        for container in pod["spec"]["containers"]
    )


def _amount(text: str) -> float:
    """A quantity such as `500m`, `64Mi` or `1.5G` as a number."""
    for suffix, factor in _FACTORS.items():
        if text.endswith(suffix):
            return float(text.removesuffix(suffix)) * factor
    return float(text)

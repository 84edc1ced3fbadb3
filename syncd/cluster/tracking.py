"""What is known of one target: events of the API in, its `View` out. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Literal

from syncd.cluster.pods import (
    Skipped,
    TargetSpec,
    View,
    controller,
    is_named_after,
    label_selector,
    select,
)
from syncd.cluster.watching import Changed, Event, Gone, Listed


Object = Mapping[str, Any]


class Tracking:
    """The workload and Pods of one target, as last heard.

    Attributes:
        workload: The Deployment or StatefulSet; None while it does not exist, or for
            targets that have none.
        note: What was found out about a target that nothing matches.
    """

    def __init__(self, spec: TargetSpec) -> None:
        self.spec = spec
        self.workload: Object | None = None
        self.note = ""
        self._pods: dict[str, Object] = {}
        self._adopted: dict[str, bool] = {}
        self._view = View()

    @property
    def has_workload(self) -> bool:
        """Whether the target is a workload, which has Pods of its own."""
        return self.spec.kind in {"deployment", "statefulset"}

    @property
    def lack(self) -> Literal["workload", "pods", ""]:
        """What is missing altogether: the workload, any Pod that matches, or nothing."""
        if self.has_workload and self.workload is None:
            return "workload"
        return "" if self._pods else "pods"

    def query(self) -> dict[str, str] | None:
        """Return which Pods to ask the API for; None as long as that is not known."""
        match self.spec.kind:
            case "pod":
                return {"fieldSelector": f"metadata.name={self.spec.name}"}
            case "selector":
                return {"labelSelector": self.spec.selector}
            case "deployment" | "statefulset":
                if self.workload is None:
                    return None
                return {"labelSelector": label_selector(self.workload)}

    def heard_of_workload(self, event: Event) -> None:
        """Take in an event of the workload's own collection."""
        match event:
            case Listed():
                self.workload = next(iter(event.items), None)
            case Changed():
                self.workload = event.object
            case Gone():
                self.workload = None

    def heard_of_pods(self, event: Event) -> None:
        """Take in an event of the Pods."""
        match event:
            case Listed():
                self._pods = {_uid(pod): pod for pod in event.items}
            case Changed():
                self._pods[_uid(event.object)] = event.object
            case Gone():
                self._pods.pop(_uid(event.object), None)

    def strangers(self) -> dict[str, str]:
        """Return the ReplicaSets, uid to name, that only a look can tell the owner of.

        A Deployment's own are told by their name.
        """
        if self.spec.kind != "deployment":
            return {}
        owners = {
            owner["uid"]: owner["name"]
            for pod in self._pods.values()
            if (owner := controller(pod)).get("kind") == "ReplicaSet"
            and not is_named_after(self.spec.name, pod)
        }
        return {uid: name for uid, name in owners.items() if uid not in self._adopted}

    def looked_up(self, uid: str, *, own: bool) -> None:
        """Remember whether a ReplicaSet is the Deployment's."""
        self._adopted[uid] = own

    def view(self) -> View:
        """Return what the target's containers are now."""
        view = select(
            self.spec,
            self._pods.values(),
            uid=_uid(self.workload) if self.workload else "",
            adopted=[uid for uid, own in self._adopted.items() if own],
        )
        before = {skipped.pod: skipped for skipped in self._view.skipped}
        skipped = tuple(_calmer(pod, before.get(pod.pod)) for pod in view.skipped)
        self._view = replace(view, skipped=skipped, note=self._note(view))
        return self._view

    def _note(self, view: View) -> str:
        if self.workload and not view.replicas:
            if self.workload.get("spec", {}).get("replicas") == 0:
                return f"{self.spec} is scaled to 0 replicas"
            if failure := _failure(self.workload):
                return failure
        return self.note if self.lack else ""


def _uid(document: Object) -> str:
    return str(document["metadata"]["uid"])


def _failure(workload: Object) -> str:
    """Return why no Pods can be made, such as a quota; else ""."""
    for condition in (workload.get("status") or {}).get("conditions") or ():
        if condition.get("type") == "ReplicaFailure" and condition["status"] == "True":
            return f"no Pod can be created: {condition.get('message')}"
    return ""


def _calmer(now: Skipped, before: Skipped | None) -> Skipped:
    # Kubernetes 1.20 goes to and fro between saying why an image cannot be pulled and
    # just that it cannot. The longer of the two says it all.
    if before and before.reason.startswith(f"{now.reason}:"):
        return before
    return now

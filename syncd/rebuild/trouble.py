"""What keeps new Pods from coming up, from what the API says of them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from syncd.cluster.reasons import container_status, not_running
from syncd.rebuild.progress import is_ready, is_seen


Object = Mapping[str, Any]
Kind = Literal[
    "pull",
    "crash",
    "oom",
    "create",
    "schedule",
    "forbidden",
    "deadline",
    "unready",
    "unstarted",
    "missing",
]

_CREATION = frozenset(
    {
        "ContainerCannotRun",
        "CreateContainerConfigError",
        "CreateContainerError",
        "ErrImageNeverPull",
        "InvalidImageName",
        "PostStartHookError",
        "RunContainerError",
        "StartError",
    }
)
_LOOPING = 3  # restarts of a Pod that has only just come


@dataclass(frozen=True, slots=True)
class Trouble:
    """One thing that is in the way.

    Attributes:
        kind: What it is.
        pod: The Pod that has it; {} if it stands above the Pods.
        container: The container that has it, or "".
        said: What the API says of it, or "".
        patience_s: How long it may still pass by itself.
    """

    kind: Kind
    pod: Object
    container: str = ""
    said: str = ""
    patience_s: float = 0.0

    @property
    def name(self) -> str:
        """The Pod's name, or ""."""
        return str(self.pod["metadata"]["name"]) if self.pod else ""

    @property
    def status(self) -> Object:
        """The status of the container."""
        return container_status(self.pod, self.container) if self.pod else {}

    @property
    def ending(self) -> Object:
        """How the container's last life ended, or {}."""
        for state in ("state", "lastState"):
            if ended := (self.status.get(state) or {}).get("terminated"):
                return dict(ended)
        return {}

    @property
    def settings(self) -> Object:
        """The container, as the Pod's spec has it."""
        spec = self.pod.get("spec") or {}
        containers = (*spec.get("containers", ()), *(spec.get("initContainers") or ()))
        return next((dict(c) for c in containers if c["name"] == self.container), {})


def find(workload: Object, pods: Iterable[Object]) -> Trouble | None:
    """Return what is in the way of a rollout, the gravest first; None if nothing is.

    Args:
        workload: The Deployment or StatefulSet.
        pods: The new Pods.
    """
    found = [*_above(workload), *(each for pod in pods for each in _of(pod))]
    return min(found, key=lambda trouble: trouble.patience_s, default=None)


def at_last(pods: Iterable[Object], container: str) -> Trouble:
    """Return why a rollout took too long although nothing is plainly in the way."""
    for pod in pods:
        status = container_status(pod, container)
        if "running" not in (status.get("state") or {}):
            return Trouble("unstarted", pod, container, not_running(pod, container))
        if not is_ready(pod):
            return Trouble("unready", pod, _unready(pod) or container)
    return Trouble("missing", {})


def _above(workload: Object) -> Iterator[Trouble]:
    if not is_seen(workload):
        return  # what it says is of the last rollout
    for condition in (workload.get("status") or {}).get("conditions") or ():
        kind, status = condition["type"], condition["status"]
        said = condition.get("message") or ""
        if kind == "ReplicaFailure" and status == "True":
            yield Trouble("forbidden", {}, said=said, patience_s=5)
        if kind == "Progressing" and condition.get("reason") == (
            "ProgressDeadlineExceeded"
        ):
            yield Trouble("deadline", {}, said=said, patience_s=1)


def _of(pod: Object) -> Iterator[Trouble]:
    status = pod.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            said = condition.get("message") or ""
            # A node may be on its way, and an old Pod may be about to make room.
            yield Trouble("schedule", pod, said=said, patience_s=15)
    for each in (
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ):
        yield from _of_container(pod, each)


def _of_container(pod: Object, status: Object) -> Iterator[Trouble]:
    name = status["name"]
    waiting = (status.get("state") or {}).get("waiting") or {}
    said = waiting.get("message") or ""
    reason = waiting.get("reason")
    if reason == "ImagePullBackOff":
        yield Trouble("pull", pod, name, said)
    elif reason == "ErrImagePull":
        # The node tries again at once, and a second failure has another name.
        yield Trouble("pull", pod, name, said, patience_s=3)
    elif reason == "CrashLoopBackOff":
        yield _crash(pod, name, said)
    elif reason in _CREATION:
        yield Trouble("create", pod, name, said or reason, patience_s=2)
    elif status.get("restartCount", 0) >= _LOOPING and not status.get("ready"):
        # Between two crashes, where nothing else tells that it will crash again.
        yield _crash(pod, name, said)


def _crash(pod: Object, name: str, said: str) -> Trouble:
    trouble = Trouble("crash", pod, name, said)
    reason = trouble.ending.get("reason")
    if reason == "OOMKilled":
        return replace(trouble, kind="oom")
    if reason in _CREATION:
        return replace(
            trouble, kind="create", said=trouble.ending.get("message") or said
        )
    return trouble


def _unready(pod: Object) -> str:
    """Return the first container that is not ready, or ""."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return next((str(s["name"]) for s in statuses if not s.get("ready")), "")

"""How far a rollout is, from what the API says of the workload and its Pods. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.cluster.reasons import container_status


Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the new Pods are.

    Attributes:
        wanted: How many there are to be.
        pods: Those that there are and stay.
        running: The names of those whose container runs.
        ready: The names of those that are ready.
        complete: Whether only new Pods are left, and all of them are available.
    """

    wanted: int
    pods: tuple[Object, ...]
    running: frozenset[str]
    ready: frozenset[str]
    complete: bool

    @property
    def all_running(self) -> bool:
        """Whether there is nothing to start any more."""
        return 0 < self.wanted <= len(self.running) == len(self.pods)


def progress(
    workload: Object, pods: Iterable[Object], container: str, image: str
) -> Progress:
    """Return how far the rollout of an image is.

    Args:
        workload: The Deployment or StatefulSet.
        pods: All Pods that its selector matches.
        container: The one whose image is new.
        image: The new image.
    """
    new = tuple(pod for pod in pods if _is_new(pod, container, image))
    running = frozenset(
        _name(pod)
        for pod in new
        if "running" in (container_status(pod, container).get("state") or {})
    )
    ready = frozenset(_name(pod) for pod in new if is_ready(pod))
    wanted = workload["spec"].get("replicas", 1)
    return Progress(wanted, new, running, ready, _is_complete(workload, wanted))


def is_ready(pod: Object) -> bool:
    """Tell whether a Pod counts as ready for its Service."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def is_seen(workload: Object) -> bool:
    """Tell whether the controller has taken in the last change of its spec."""
    observed = (workload.get("status") or {}).get("observedGeneration") or 0
    return bool(observed >= workload["metadata"].get("generation", 0))


def _is_complete(workload: Object, wanted: int) -> bool:
    """As `kubectl rollout status` decides it."""
    status = workload.get("status") or {}
    if not is_seen(workload) or status.get("updatedReplicas", 0) < wanted:
        return False
    if "updateRevision" in status:  # a StatefulSet
        return bool(
            status.get("readyReplicas", 0) >= wanted
            and status.get("currentRevision") == status.get("updateRevision")
        )
    updated = status.get("updatedReplicas", 0)
    return bool(
        status.get("replicas", 0) <= updated
        and status.get("availableReplicas", 0) >= updated
    )


def _is_new(pod: Object, container: str, image: str) -> bool:
    if pod["metadata"].get("deletionTimestamp"):
        return False
    containers = (
        *(pod["spec"].get("containers") or ()),
        *(pod["spec"].get("initContainers") or ()),
    )
    return any(c["name"] == container and c.get("image") == image for c in containers)


def _name(pod: Object) -> str:
    return str(pod["metadata"]["name"])

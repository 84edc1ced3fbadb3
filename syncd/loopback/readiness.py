"""When a workload counts as ready, and what to say while it does not."""

from collections.abc import Sequence

from syncd.loopback.api.wording import is_true, pod_status
from syncd.loopback.store import Object


def is_ready(obj: Object) -> bool:
    """True if every replica is of the present template and serves."""
    status, metadata = obj.get("status", {}), obj["metadata"]
    if "deletionTimestamp" in metadata:
        return False
    if obj["kind"] == "Pod":
        return is_true(status, "Ready")
    if status.get("observedGeneration", 0) < metadata.get("generation", 1):
        return False
    counts = ["replicas", "readyReplicas"]
    if obj["kind"] != "ReplicaSet":
        counts.append("updatedReplicas")
    return all(status.get(name, 0) == obj["spec"]["replicas"] for name in counts)


def why_not(pods: Sequence[Object]) -> str:
    """One line on every Pod."""
    return (
        "; ".join(
            f"{pod['metadata']['name']} is {pod_status(pod)}{_message(pod)}"
            for pod in pods
        )
        or "there are no Pods"
    )


def _message(pod: Object) -> str:
    for container in pod["status"].get("containerStatuses", ()):
        for state in container.get("state", {}).values():
            if message := state.get("message"):
                return f" ({message})"
    return ""

"""The arithmetic and wording of a Deployment's rollout; pure.

This follows the real controller: how many Pods of each ReplicaSet there may be, when a
rollout is complete, progressing or stuck, and what its conditions say.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from syncd.loopback.objects.defaults import share
from syncd.loopback.store import Object, now


REVISION = "deployment.kubernetes.io/revision"
DESIRED = "deployment.kubernetes.io/desired-replicas"
MAXIMUM = "deployment.kubernetes.io/max-replicas"
HISTORY = "deployment.kubernetes.io/revision-history"
HASH = "pod-template-hash"
_OWN_ANNOTATIONS = {
    "kubectl.kubernetes.io/last-applied-configuration",
    REVISION,
    DESIRED,
    MAXIMUM,
    HISTORY,
    "deprecated.deployment.rollback.to",
}
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"

Condition = dict[str, Any]
Status = dict[str, Any]


def template_hash(template: Mapping[str, Any]) -> str:
    """A name for a template: ten letters and digits that spell nothing."""
    text = json.dumps(template, sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:10])


def same_template(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Equal but for the label that the controller itself adds."""
    return _without_hash(one) == _without_hash(other)


def _without_hash(template: Mapping[str, Any]) -> dict[str, Any]:
    metadata = dict(template.get("metadata") or {})
    labels = {k: v for k, v in metadata.get("labels", {}).items() if k != HASH}
    metadata["labels"] = labels
    return {**template, "metadata": metadata}


def wanted(deployment: Object) -> int:
    """The number of replicas that the Deployment asks for."""
    return int(deployment["spec"]["replicas"])


def limits(deployment: Object) -> tuple[int, int]:
    """How many Pods there may be too many, and too few, during a rollout."""
    strategy = deployment["spec"]["strategy"]
    if strategy["type"] != "RollingUpdate":
        return 0, 0
    replicas, rolling = wanted(deployment), strategy["rollingUpdate"]
    surge = share(rolling["maxSurge"], replicas, round_up=True)
    missing = share(rolling["maxUnavailable"], replicas, round_up=False)
    return surge, min(missing, replicas) if surge or missing else 1


def total(sets: Sequence[Object]) -> int:
    """The replicas that ReplicaSets ask for together."""
    return sum(item["spec"]["replicas"] for item in sets)


def counted(sets: Sequence[Object], field: str) -> int:
    """The replicas that ReplicaSets report together."""
    return sum(item.get("status", {}).get(field, 0) for item in sets)


def new_size(deployment: Object, sets: Sequence[Object], new: Object | None) -> int:
    """How large the new ReplicaSet may be right now."""
    now_has = new["spec"]["replicas"] if new else 0
    if deployment["spec"]["strategy"]["type"] == "Recreate":
        return wanted(deployment)
    room = wanted(deployment) + limits(deployment)[0] - total(sets)
    return now_has + max(0, min(room, wanted(deployment) - now_has))


def shrunk(deployment: Object, old: Sequence[Object], new: Object) -> dict[str, int]:
    """The sizes that old ReplicaSets may shrink to, by name; those that change only."""
    least = wanted(deployment) - limits(deployment)[1]
    everyone = [*old, new]
    unready = new["spec"]["replicas"] - counted([new], "availableReplicas")
    may_go = total(everyone) - least - unready
    if may_go <= 0 or not total(old):
        return {}
    sizes = {item["metadata"]["name"]: item["spec"]["replicas"] for item in old}
    aged = sorted(old, key=lambda item: item["metadata"]["creationTimestamp"])
    for item in aged:  # first those that do not serve anyway
        name = item["metadata"]["name"]
        idle = max(0, sizes[name] - counted([item], "availableReplicas"))
        gone = min(may_go, idle)
        sizes[name] -= gone
        may_go -= gone
    spare = min(counted(everyone, "availableReplicas") - least, may_go)
    for item in aged:
        name = item["metadata"]["name"]
        gone = max(0, min(spare, sizes[name]))
        sizes[name] -= gone
        spare -= gone
    return {
        item["metadata"]["name"]: sizes[item["metadata"]["name"]]
        for item in old
        if sizes[item["metadata"]["name"]] != item["spec"]["replicas"]
    }


def inherited(deployment: Object) -> dict[str, str]:
    """The annotations that a ReplicaSet takes over."""
    annotations = deployment["metadata"].get("annotations", {})
    return {k: v for k, v in annotations.items() if k not in _OWN_ANNOTATIONS}


def sizes(deployment: Object) -> dict[str, str]:
    """The annotations that tell a ReplicaSet how large the whole is."""
    surge, _ = limits(deployment)
    replicas = wanted(deployment)
    return {DESIRED: str(replicas), MAXIMUM: str(replicas + surge)}


def revision(obj: Object) -> int:
    """The revision annotation as a number."""
    return int(obj["metadata"].get("annotations", {}).get(REVISION, "0"))


def condition(kind: str, status: str, reason: str, message: str) -> Condition:
    """A condition that holds from now on."""
    at = now()
    return {
        "type": kind,
        "status": status,
        "lastUpdateTime": at,
        "lastTransitionTime": at,
        "reason": reason,
        "message": message,
    }


def with_condition(
    conditions: Sequence[Condition], new: Condition, *, renew: bool = False
) -> list[Condition]:
    """`conditions` with `new` in it; one that says the same stays as it is.

    Args:
        conditions: The present ones.
        new: The one to set.
        renew: Note the time even if it says the same.
    """
    old = find(conditions, new["type"])
    if old is not None and old["status"] == new["status"]:
        if old["reason"] == new["reason"] and not renew:
            return list(conditions)
        new = {**new, "lastTransitionTime": old["lastTransitionTime"]}
    return [*(item for item in conditions if item["type"] != new["type"]), new]


def find(conditions: Sequence[Condition], kind: str) -> Condition | None:
    """The condition of that type, or None."""
    return next((item for item in conditions if item["type"] == kind), None)


def status_of(
    deployment: Object, sets: Sequence[Object], new: Object | None, *, modern: bool
) -> Status:
    """What the ReplicaSets amount to, with the Available condition."""
    available = counted(sets, "availableReplicas")
    counts = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": counted(sets, "replicas"),
        "updatedReplicas": counted([new] if new else [], "replicas"),
        "readyReplicas": counted(sets, "readyReplicas"),
        "availableReplicas": available,
        "unavailableReplicas": max(0, total(sets) - available),
    }
    status: Status = {name: count for name, count in counts.items() if count}
    if modern:
        status["terminatingReplicas"] = counted(sets, "terminatingReplicas")
    if available >= wanted(deployment) - limits(deployment)[1]:
        reason, message = "MinimumReplicasAvailable", "has minimum"
    else:
        reason, message = "MinimumReplicasUnavailable", "does not have minimum"
    holds = "True" if reason == "MinimumReplicasAvailable" else "False"
    text = f"Deployment {message} availability."
    before = deployment.get("status", {}).get("conditions", ())
    status["conditions"] = with_condition(
        before, condition("Available", holds, reason, text)
    )
    return status


def is_complete(deployment: Object, status: Status) -> bool:
    """Every replica is of the new template, and serves."""
    counts = ("updatedReplicas", "replicas", "availableReplicas")
    return all(status.get(name, 0) == wanted(deployment) for name in counts)


def is_progressing(deployment: Object, status: Status) -> bool:
    """Something got better since the last status."""
    old = deployment.get("status", {})

    def stale(counts: Status) -> int:
        return int(counts.get("replicas", 0) - counts.get("updatedReplicas", 0))

    return stale(old) > stale(status) or any(
        status.get(name, 0) > old.get(name, 0)
        for name in ("updatedReplicas", "readyReplicas", "availableReplicas")
    )


def progress(deployment: Object, status: Status, name: str) -> list[Condition]:
    """The conditions with what there is to say about the rollout's progress.

    Args:
        deployment: With its last status.
        status: The new one, its conditions without news of progress.
        name: The new ReplicaSet's.
    """
    conditions: list[Condition] = status["conditions"]
    current = find(conditions, "Progressing")
    settled = status.get("replicas", 0) == status.get("updatedReplicas", 0)
    done = current is not None and current["reason"] == "NewReplicaSetAvailable"
    if settled and done:
        return conditions
    about = (
        f'ReplicaSet "{name}"'
        if name
        else f'Deployment "{deployment["metadata"]["name"]}"'
    )
    if is_complete(deployment, status):
        text = f"{about} has successfully progressed."
        news = condition("Progressing", "True", "NewReplicaSetAvailable", text)
        return with_condition(conditions, news)
    if is_progressing(deployment, status):
        text = f"{about} is progressing."
        news = condition("Progressing", "True", "ReplicaSetUpdated", text)
        return with_condition(conditions, news, renew=True)
    if stuck_in_s(deployment, status) == 0:
        text = f"{about} has timed out progressing."
        news = condition("Progressing", "False", "ProgressDeadlineExceeded", text)
        return with_condition(conditions, news)
    return conditions


def stuck_in_s(deployment: Object, status: Status) -> float | None:
    """Seconds until the rollout counts as stuck; None if it cannot get stuck."""
    deadline_s = deployment["spec"].get("progressDeadlineSeconds")
    current = find(status.get("conditions", ()), "Progressing")
    if deadline_s is None or current is None:
        return None
    if current["reason"] in {"NewReplicaSetAvailable", "ProgressDeadlineExceeded"}:
        return None
    since = datetime.fromisoformat(current["lastUpdateTime"])
    passed = (datetime.now(UTC) - since).total_seconds()
    return max(0.0, float(deadline_s) - passed)

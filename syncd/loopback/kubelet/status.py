"""A Pod's status, from what is known of its containers (pure).

The shapes are those that 1.20 and 1.36 were recorded to write, field by field.
"""

from collections.abc import Mapping
from typing import Any

from syncd.loopback.dialect import Dialect
from syncd.loopback.kubelet import resources
from syncd.loopback.kubelet.facts import (
    ContainerFacts,
    PodFacts,
    Running,
    State,
    Terminated,
    Waiting,
    now,
)


def pod_status(
    facts: PodFacts, dialect: Dialect, previous: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the status a kubelet of `dialect` writes.

    Args:
        facts: What is known.
        dialect: Of the cluster.
        previous: The status before, for the times of conditions that stay.
    """
    phase = _phase(facts, dialect)
    status: dict[str, Any] = {"phase": phase}
    status["conditions"] = _timed(_conditions(facts, phase, dialect), previous)
    status["hostIP"] = facts.host_ip
    if dialect.modern:
        status["hostIPs"] = [{"ip": facts.host_ip}]
    if not all(map(_is_new, (*facts.init, *facts.containers))):
        status["podIP"] = facts.pod_ip
        status["podIPs"] = [{"ip": facts.pod_ip}]
    status["startTime"] = facts.started_at
    if facts.init:
        status["initContainerStatuses"] = [_container(c, dialect) for c in facts.init]
    status["containerStatuses"] = [_container(c, dialect) for c in facts.containers]
    status["qosClass"] = resources.qos_class(facts.pod)
    if dialect.modern:
        status |= resources.shown(resources.of_pod(facts.pod))
    return status


def _is_new(container: ContainerFacts) -> bool:
    return container.state in (Waiting("ContainerCreating"), Waiting("PodInitializing"))


def _phase(facts: PodFacts, dialect: Dialect) -> str:
    policy = facts.pod["spec"].get("restartPolicy", "Always")
    containers = facts.containers
    if not all(container.succeeded for container in facts.init):
        failed = any(isinstance(c.state, Terminated) for c in facts.init)
        return "Failed" if failed and policy == "Never" else "Pending"
    if any(isinstance(c.state, Waiting) and c.last is None for c in containers):
        return "Pending"
    if not all(isinstance(container.state, Terminated) for container in containers):
        return "Running"
    good = _all_succeeded(facts)
    if facts.leaving:
        final = dialect.modern  # 1.20 writes none for a Pod that is going
    elif policy == "Always" or (policy == "OnFailure" and not good):
        final = False
    else:
        final = facts.over or not dialect.modern
    return ("Succeeded" if good else "Failed") if final else "Running"


def _conditions(facts: PodFacts, phase: str, dialect: Dialect) -> list[dict[str, Any]]:
    completed = phase == "Succeeded" or (
        dialect.modern and _ended_for_good(facts) and _all_succeeded(facts)
    )
    unready = _unready(facts, phase, completed=completed, dialect=dialect)
    found = []
    if dialect.modern:
        sandbox = facts.sandbox and phase not in ("Succeeded", "Failed")
        found.append(_condition("PodReadyToStartContainers", sandbox))
    found.append(_initialized(facts, completed=completed))
    found.append(_condition("Ready", not unready, **unready))
    found.append(_condition("ContainersReady", not unready, **unready))
    found.append(_condition("PodScheduled", True))  # noqa: FBT003 -- a condition's status
    return found


def _ended_for_good(facts: PodFacts) -> bool:
    policy = facts.pod["spec"].get("restartPolicy", "Always")
    ended = all(isinstance(c.state, Terminated) for c in facts.containers)
    return ended and policy != "Always"


def _all_succeeded(facts: PodFacts) -> bool:
    return all(container.succeeded for container in facts.containers)


def _unready(
    facts: PodFacts, phase: str, *, completed: bool, dialect: Dialect
) -> dict[str, str]:
    if completed:
        return {"reason": "PodCompleted"}
    if phase == "Failed" and dialect.modern:
        return {"reason": "PodFailed"}
    names = [container.name for container in facts.containers if not container.ready]
    if not names:
        return {}
    listed = " ".join(names)
    return {
        "reason": "ContainersNotReady",
        "message": f"containers with unready status: [{listed}]",
    }


def _initialized(facts: PodFacts, *, completed: bool) -> dict[str, Any]:
    missing = [c.name for c in facts.init if not c.succeeded]
    if missing:
        return _condition(
            "Initialized",
            False,  # noqa: FBT003 -- a condition's status
            reason="ContainersNotInitialized",
            message=f"containers with incomplete status: [{' '.join(missing)}]",
        )
    extra = {"reason": "PodCompleted"} if completed else {}
    return _condition("Initialized", True, **extra)  # noqa: FBT003 -- its status


def _condition(kind: str, status: bool, **extra: str) -> dict[str, Any]:  # noqa: FBT001 -- its status
    return {
        "type": kind,
        "status": str(bool(status)),
        "lastProbeTime": None,
        "lastTransitionTime": "",
        **extra,
    }


def _timed(
    conditions: list[dict[str, Any]], previous: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    before = {c["type"]: c for c in (previous or {}).get("conditions", ())}
    for condition in conditions:
        old = before.get(condition["type"])
        same = old is not None and old["status"] == condition["status"]
        condition["lastTransitionTime"] = (
            old["lastTransitionTime"] if old is not None and same else now()
        )
    return conditions


def _container(facts: ContainerFacts, dialect: Dialect) -> dict[str, Any]:
    status: dict[str, Any] = {
        "name": facts.name,
        "state": _state(facts.state),
        "lastState": {} if facts.last is None else _state(facts.last),
        "ready": facts.ready,
        "restartCount": facts.restarts,
        "image": facts.spec["image"],
        "imageID": facts.image_id,
    }
    if facts.container_id:
        status["containerID"] = facts.container_id
    status["started"] = facts.started
    if not dialect.modern:
        return status
    if facts.container_id:
        status |= resources.shown(facts.spec.get("resources") or {})
    if mounts := facts.spec.get("volumeMounts"):
        status["volumeMounts"] = [_mount(mount) for mount in mounts]
    if facts.user is not None:
        groups = list(facts.groups)
        identity = {"uid": facts.user, "gid": groups[0], "supplementalGroups": groups}
        status["user"] = {"linux": identity}
    return status


def _mount(mount: Mapping[str, Any]) -> dict[str, Any]:
    shown = {"name": mount["name"], "mountPath": mount["mountPath"]}
    if mount.get("readOnly"):
        shown |= {"readOnly": True, "recursiveReadOnly": "Disabled"}
    return shown


def _state(state: State) -> dict[str, Any]:
    match state:
        case Waiting(reason, message):
            said = {"reason": reason, "message": message}
            return {"waiting": {key: value for key, value in said.items() if value}}
        case Running(started_at):
            return {"running": {"startedAt": started_at}}
        case Terminated():
            said = {
                "reason": state.reason,
                "message": state.message,
                "startedAt": state.started_at,
                "finishedAt": state.finished_at,
                "containerID": state.container_id,
            }
            kept = {key: value for key, value in said.items() if value}
            return {"terminated": {"exitCode": state.exit_code, **kept}}

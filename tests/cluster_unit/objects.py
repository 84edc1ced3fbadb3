"""Pods and workloads, as short as a test wants them."""

from typing import Any


Object = dict[str, Any]

RUNNING = {"running": {"startedAt": "2026-11-22T13:50:44Z"}}
CREATING = {"waiting": {"reason": "ContainerCreating"}}


def terminated(reason: str = "Error", code: int = 1) -> Object:
    return {"terminated": {"reason": reason, "exitCode": code}}


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, "message": message}}


def owner(kind: str, name: str, uid: str = "") -> list[Object]:
    return [{"kind": kind, "name": name, "uid": uid or f"u-{name}", "controller": True}]


def pod(
    name: str = "web-0",
    *containers: str,
    state: Object | None = None,
    phase: str = "Running",
    node: str = "n1",
    labels: dict[str, str] | None = None,
    **more: Any,
) -> Object:
    """A Pod whose containers are all in `state`; `more` goes into its metadata."""
    names = containers or ("app",)
    metadata = {
        "name": name,
        "namespace": "shop",
        "uid": f"uid-{name}",
        "labels": labels or {"app": "web"},
    }
    return {
        "metadata": metadata | more,
        "spec": {
            "nodeName": node,
            "containers": [{"name": each, "image": f"{each}:1"} for each in names],
        },
        "status": {
            "phase": phase,
            "containerStatuses": [container(each, state or RUNNING) for each in names],
        },
    }


def container(name: str, state: Object, **more: Any) -> Object:
    return {
        "name": name,
        "state": state,
        "ready": True,
        "restartCount": 0,
        "containerID": f"containerd://{name}",
        "image": f"{name}:1",
        **more,
    }


def of_deployment(name: str, deployment: str, revision: str, **more: Any) -> Object:
    return pod(
        name,
        labels={"app": "web", "pod-template-hash": revision},
        ownerReferences=owner("ReplicaSet", f"{deployment}-{revision}"),
        **more,
    )


def deployment(
    name: str = "web", labels: dict[str, str] | None = None, **spec: Any
) -> Object:
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}"},
        "spec": {"selector": {"matchLabels": labels or {"app": "web"}}, **spec},
        "status": {},
    }

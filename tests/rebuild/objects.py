"""Workloads and Pods as the API has them, as short as a test wants them."""

from typing import Any


Object = dict[str, Any]

OLD = "registry:5000/web:dev"
NEW = "registry:5000/web:syncd-0123456789ab"
RUNNING = {"running": {"startedAt": "2026-11-22T13:50:44Z"}}


def waiting(reason: str, message: str = "") -> Object:
    return {"waiting": {"reason": reason, "message": message}}


def ended(reason: str = "Error", code: int = 1, message: str = "") -> Object:
    return {"terminated": {"reason": reason, "exitCode": code, "message": message}}


def pod(
    name: str = "web-1",
    image: str = NEW,
    state: Object = RUNNING,
    *,
    ready: bool = False,
    restarts: int = 0,
    last: Object | None = None,
    conditions: tuple[Object, ...] = (),
    limit: str = "",
    **metadata: Any,
) -> Object:
    """A Pod with one container, `app`."""
    container: Object = {"name": "app", "image": image}
    if limit:
        container["resources"] = {"limits": {"memory": limit}}
    status = {
        "name": "app",
        "image": image,
        "state": state,
        "lastState": last or {},
        "ready": ready,
        "restartCount": restarts,
        "containerID": "containerd://1",
    }
    known = {"type": "Ready", "status": "True" if ready else "False"}
    return {
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": f"uid-{name}",
            "labels": {"app": "web"},
            **metadata,
        },
        "spec": {"nodeName": "n1", "containers": [container]},
        "status": {
            "phase": "Running",
            "conditions": [known, *conditions],
            "containerStatuses": [status],
        },
    }


def deployment(
    image: str = OLD,
    *,
    replicas: int = 1,
    generation: int = 1,
    conditions: tuple[Object, ...] = (),
    annotations: dict[str, str] | None = None,
    policy: str = "IfNotPresent",
    status: dict[str, int] | None = None,
) -> Object:
    """A Deployment `web` of one container, `app`; `status` overrides a complete one."""
    complete = {
        "observedGeneration": generation,
        "replicas": replicas,
        "updatedReplicas": replicas,
        "readyReplicas": replicas,
        "availableReplicas": replicas,
    }
    container = {"name": "app", "image": image, "imagePullPolicy": policy}
    return {
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "generation": generation,
            "annotations": annotations or {},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": "web"}},
            "template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [container]},
            },
        },
        "status": {**complete, **(status or {}), "conditions": list(conditions)},
    }

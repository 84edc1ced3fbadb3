"""What the demo runs: the image, the Pod, and the warm reloader beside the program."""

from pathlib import Path
from typing import Any

from syncd.inject.site import FOLDER, RELOADER
from syncd.loopback.image import Image
from syncd.reloader import source


PORT = 8080
UVICORN = ("uvicorn", "main:app", "--host", "$(POD_IP)", "--port", "8080")


def image(program: Path) -> Image:
    """Return the image of the program in a folder; its own command reloads too."""
    return Image(
        name="myapp:demo",
        files=program,
        command=(*UVICORN, "--reload", "--reload-delay", "0.05"),
        env={"PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )


def deployment() -> dict[str, Any]:
    """Return the Deployment of the image."""
    labels = {"app": "myapp"}
    probe = {"httpGet": {"path": "/readyz", "port": PORT}, "periodSeconds": 1}
    container = {
        "name": "myapp",
        "image": "myapp:demo",
        "args": list(image(Path()).command),
        "env": [
            {
                "name": "POD_IP",
                "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}},
            }
        ],
        "readinessProbe": probe,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "myapp", "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [container]},
            },
        },
    }


def reloader() -> dict[str, Any]:
    """Return the ConfigMap with the warm reloader."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "reloader"},
        "data": {"reloader.py": source()},
    }


def run_warm(pod: dict[str, Any]) -> None:
    """Have the program run by the warm reloader."""
    (container,) = pod["containers"]
    container["args"] = [*RELOADER, "--stay", "--", *UVICORN]
    container["volumeMounts"] = [{"name": "reloader", "mountPath": FOLDER}]
    pod["volumes"] = [{"name": "reloader", "configMap": {"name": "reloader"}}]

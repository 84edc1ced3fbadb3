"""The manifests as the cluster would get them."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.programs import ROOT


K8S = ROOT / "deploy/k8s"
OVERLAYS = ("dev", "prod-like")
Manifest = dict[str, Any]


@cache
def renderer() -> str | None:
    """Return the first kubectl on PATH whose kustomize knows today's fields."""
    for folder in os.get_exec_path():
        kubectl = shutil.which("kubectl", path=folder)
        if kubectl is None:
            continue
        version = subprocess.run(
            [kubectl, "version", "--client", "-o", "json"],
            capture_output=True,
            text=True,
            check=False,
        )
        # kubectl before 1.22 does not say, and has a kustomize of 2019.
        if version.returncode == 0 and "kustomizeVersion" in json.loads(version.stdout):
            return kubectl
    return None


def copy_of_the_manifests(tmp: Path, password: str = "not-a-secret") -> Path:
    """Copy `deploy/k8s` with the file that `deploy/up` would add; return the copy."""
    target = tmp / "k8s"
    shutil.copytree(K8S, target, ignore=shutil.ignore_patterns("*.env"))
    (target / "base/postgres.env").write_text(f"PGPASSWORD={password}\n")
    return target


def render(folder: Path) -> str:
    kubectl = renderer()
    assert kubectl is not None
    done = subprocess.run(
        [kubectl, "kustomize", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr, "kustomize warns"
    return done.stdout


def parse(text: str) -> list[Manifest]:
    return [manifest for manifest in yaml.safe_load_all(text) if manifest]


def pod_specs(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Yield the name and the Pod template of each workload."""
    for manifest in manifests:
        if template := manifest.get("spec", {}).get("template"):
            yield manifest["metadata"]["name"], template


def containers(manifests: list[Manifest]) -> Iterator[tuple[str, Manifest]]:
    """Yield `workload/container` and the container, init containers too."""
    for name, template in pod_specs(manifests):
        spec = template["spec"]
        for container in spec["containers"] + spec.get("initContainers", []):
            yield f"{name}/{container['name']}", container


def one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    (found,) = [
        manifest
        for manifest in manifests
        if manifest["kind"] == kind and manifest["metadata"]["name"] == name
    ]
    return found


def pod(manifests: list[Manifest], name: str) -> Manifest:
    spec = dict(pod_specs(manifests))[name]["spec"]
    assert isinstance(spec, dict)
    return spec


PROBES = ("startupProbe", "livenessProbe", "readinessProbe")
TIMING = {"periodSeconds", "timeoutSeconds", "failureThreshold"}


def questions(container: Manifest) -> list[Any]:
    """Return what each of the three probes asks, without how often it asks."""
    return [
        {key: value for key, value in container[probe].items() if key not in TIMING}
        for probe in PROBES
    ]

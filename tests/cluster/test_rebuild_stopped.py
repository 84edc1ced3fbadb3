"""Rollouts that the cluster itself stops, each explained in one message."""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cluster.kube import Kube, Workload
from tests.cluster.project import DOCKERFILE, Lay, Project, edit, image_of, served_by


pytestmark = [pytest.mark.cluster, pytest.mark.timeout(120)]

QUOTA = "no-more-pods"
NEW = "ENV GENERATION=2"


@contextmanager
def no_more_pods(kube: Kube) -> Iterator[None]:
    """Let nobody make a Pod in the namespace; those that run go on."""
    metadata = {"name": QUOTA}
    kube.apply(
        {
            "apiVersion": "v1",
            "kind": "ResourceQuota",
            "metadata": metadata,
            "spec": {"hard": {"pods": "0"}},
        }
    )
    try:
        deadline = time.monotonic() + 30
        while not kube.get("resourcequota", QUOTA).get("status", {}).get("hard"):
            assert time.monotonic() < deadline, "the quota is not taken up"
            time.sleep(0.1)
        yield
    finally:
        kube("delete", "resourcequota", QUOTA)


def alone(name: str) -> Mapping[str, object]:
    """Return a Pod's settings by which no two of the Deployment fit on the cluster."""
    term = {
        "labelSelector": {"matchLabels": {"app": name}},
        "topologyKey": "kubernetes.io/os",  # the same for all nodes
    }
    rules = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    return {"affinity": {"podAntiAffinity": rules}}


@dataclass(frozen=True)
class Stop:
    """What stops a rollout, and what is said of it."""

    said: tuple[str, ...]
    hint: str
    instruction: str = NEW
    quota: bool = False
    alone: bool = False
    deadline_s: int = 600


STOPS = [
    pytest.param(
        Stop(
            ("no new Pod may be made: ", "exceeded quota: no-more-pods"),
            "raise the quota",
            quota=True,
        ),
        id="a quota",
    ),
    pytest.param(
        Stop(
            ("fits on no node: ", "anti-affinity"),
            "make room",
            alone=True,
        ),
        id="no node that it fits on",
    ),
    pytest.param(
        Stop(
            ("no progress within progressDeadlineSeconds: ", "timed out progressing"),
            "kubectl describe",
            instruction="ENV READY=no",
            deadline_s=3,
        ),
        id="a deadline for progress",
    ),
]


def limit_progress(workload: Workload, seconds: int) -> None:
    patch = json.dumps({"spec": {"progressDeadlineSeconds": seconds}})
    workload.kube("patch", workload.target, "-p", patch)


@pytest.mark.parametrize("stop", STOPS)
def test_what_stops_a_rollout_is_told_and_the_old_pod_stays_in_step(
    project: Project, lay: Lay, home: Path, stop: Stop
) -> None:
    workload = lay(spec=alone(project.name) if stop.alone else None, rollback=True)
    limit_progress(workload, stop.deadline_s)
    first = image_of(workload)
    (old,) = (pod["metadata"]["name"] for pod in workload.pods())
    quota = no_more_pods(workload.kube) if stop.quota else nullcontext()
    with quota, project.watch(home) as watching:
        project.write("Dockerfile", f"{DOCKERFILE}\n{stop.instruction}\n")
        watching.until("rebuild.rolling")
        failed = watching.until("rebuild.failed", stage="roll out")
        watching.until("rebuild.rolled_back", before=first)
        edit(project, watching, "1")

    assert all(part in failed["reason"] for part in stop.said), failed["reason"]
    assert stop.hint in failed["hint"]
    assert len(watching.all("rebuild.failed")) == 1
    assert image_of(workload) == first
    assert served_by(workload.kube, old) == {"version": "1", "installed": []}

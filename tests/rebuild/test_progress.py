from typing import Any

import pytest

from syncd.rebuild.progress import is_seen, progress
from tests.rebuild.objects import NEW, OLD, Object, deployment, pod, waiting


def of(workload: Object, *pods: Object) -> Any:
    return progress(workload, pods, "app", NEW)


def test_only_pods_of_the_new_image_count() -> None:
    found = of(
        deployment(NEW, replicas=3),
        pod("old", OLD, ready=True),
        pod("leaving", deletionTimestamp="2026-11-22T13:50:44Z"),
        pod("creating", state=waiting("ContainerCreating")),
        pod("running"),
        pod("ready", ready=True),
    )

    assert [each["metadata"]["name"] for each in found.pods] == [
        "creating",
        "running",
        "ready",
    ]
    assert found.running == {"running", "ready"}
    assert found.ready == {"ready"}
    assert found.wanted == 3
    assert not found.all_running


def test_an_init_container_can_be_the_one() -> None:
    sidecar = pod("a", OLD, ready=True)
    sidecar["spec"]["initContainers"] = [{"name": "proxy", "image": NEW}]

    found = progress(deployment(NEW), [sidecar], "proxy", NEW)

    assert len(found.pods) == 1
    assert found.running == frozenset()


def test_all_run_when_as_many_as_are_wanted_do() -> None:
    two = deployment(NEW, replicas=2)

    assert of(two, pod("a"), pod("b")).all_running
    assert not of(two, pod("a")).all_running
    assert not of(two, pod("a"), pod("b"), pod("c", state=waiting("X"))).all_running
    assert not of(deployment(NEW, replicas=0)).all_running


@pytest.mark.parametrize(
    ("status", "complete"),
    [
        pytest.param({}, True, id="complete"),
        pytest.param({"observedGeneration": 0}, False, id="not seen yet"),
        pytest.param({"updatedReplicas": 1}, False, id="old Pods still wanted"),
        pytest.param({"replicas": 3}, False, id="old Pods still there"),
        pytest.param({"availableReplicas": 1}, False, id="not available"),
    ],
)
def test_a_deployment_is_complete_as_kubectl_has_it(
    status: dict[str, int], *, complete: bool
) -> None:
    assert of(deployment(NEW, replicas=2, status=status)).complete is complete


@pytest.mark.parametrize(
    ("ready", "revision", "complete"),
    [(2, "b", True), (1, "b", False), (2, "a", False)],
)
def test_a_statefulset_is_complete_when_its_revision_is(
    ready: int, revision: str, *, complete: bool
) -> None:
    workload = deployment(NEW, replicas=2, status={"readyReplicas": ready})
    workload["status"] |= {"currentRevision": revision, "updateRevision": "b"}

    assert of(workload).complete is complete


def test_a_workload_without_a_status_is_at_its_beginning() -> None:
    workload = deployment(NEW)
    del workload["status"]

    assert not is_seen(workload)
    assert not of(workload).complete

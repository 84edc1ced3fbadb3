import pytest

from syncd.rebuild.trouble import Trouble, at_last, find
from tests.rebuild.objects import NEW, Object, deployment, ended, pod, waiting


def unscheduled(message: str) -> Object:
    return {"type": "PodScheduled", "status": "False", "message": message}


def above(kind: str, status: str, reason: str = "", message: str = "") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": message}


@pytest.mark.parametrize(
    ("broken", "kind", "patience_s"),
    [
        pytest.param(
            pod(state=waiting("ImagePullBackOff", "x")), "pull", 0, id="backing off"
        ),
        pytest.param(
            pod(state=waiting("ErrImagePull", "x")), "pull", 3, id="the first failure"
        ),
        pytest.param(
            pod(state=waiting("CrashLoopBackOff"), last=ended(), restarts=1),
            "crash",
            0,
            id="crash loop",
        ),
        pytest.param(
            pod(last=ended(), restarts=3), "crash", 0, id="between two crashes"
        ),
        pytest.param(
            pod(state=waiting("CrashLoopBackOff"), last=ended("OOMKilled", 137)),
            "oom",
            0,
            id="out of memory",
        ),
        pytest.param(
            pod(
                state=waiting("CrashLoopBackOff"),
                last=ended("StartError", 128, "exec: no such file"),
            ),
            "create",
            0,
            id="no such program",
        ),
        pytest.param(
            pod(state=waiting("CreateContainerConfigError", 'secret "a" not found')),
            "create",
            2,
            id="no such secret",
        ),
        pytest.param(
            pod(state=waiting("InvalidImageName")), "create", 2, id="no image's name"
        ),
        pytest.param(
            pod(state={}, conditions=(unscheduled("0/1 nodes"),)),
            "schedule",
            15,
            id="no room",
        ),
    ],
)
def test_what_can_be_in_the_way(broken: Object, kind: str, patience_s: float) -> None:
    trouble = find(deployment(NEW), [pod("fine"), broken])

    assert trouble is not None
    assert (trouble.kind, trouble.patience_s) == (kind, patience_s)
    assert trouble.name == "web-1"


@pytest.mark.parametrize(
    "fine",
    [
        pytest.param(pod(), id="running"),
        pytest.param(pod(last=ended(), restarts=2), id="restarted twice"),
        pytest.param(pod(last=ended(), restarts=9, ready=True), id="ready at last"),
        pytest.param(pod(state=waiting("ContainerCreating")), id="being created"),
        pytest.param(pod(state=ended()), id="ended for the first time"),
        pytest.param(
            pod(conditions=({"type": "PodScheduled", "status": "True"},)),
            id="scheduled",
        ),
    ],
)
def test_what_passes_is_no_trouble(fine: Object) -> None:
    assert find(deployment(NEW), [fine]) is None


def test_an_init_container_can_be_in_the_way() -> None:
    broken = pod(state=waiting("PodInitializing"))
    status = {
        "name": "migrate",
        "state": waiting("CrashLoopBackOff"),
        "lastState": ended(code=3),
    }
    broken["spec"]["initContainers"] = [{"name": "migrate", "image": "m:1"}]
    broken["status"]["initContainerStatuses"] = [status]

    trouble = find(deployment(NEW), [broken])

    assert trouble is not None
    assert (trouble.kind, trouble.container) == ("crash", "migrate")
    assert trouble.ending["exitCode"] == 3
    assert trouble.settings["image"] == "m:1"


@pytest.mark.parametrize(
    ("condition", "kind"),
    [
        (
            above("ReplicaFailure", "True", "FailedCreate", "exceeded quota"),
            "forbidden",
        ),
        (above("Progressing", "False", "ProgressDeadlineExceeded", "x"), "deadline"),
    ],
)
def test_what_stands_above_the_pods(condition: Object, kind: str) -> None:
    trouble = find(deployment(NEW, conditions=(condition,)), [])

    assert trouble is not None
    assert (trouble.kind, trouble.name) == (kind, "")
    assert (trouble.status, trouble.settings, trouble.ending) == ({}, {}, {})


def test_what_a_workload_says_of_its_last_rollout_does_not_count() -> None:
    condition = above("ReplicaFailure", "True", "FailedCreate", "exceeded quota")
    seen = {"observedGeneration": 1}
    stale = deployment(NEW, generation=2, conditions=(condition,), status=seen)

    assert find(stale, []) is None


def test_a_progress_that_is_made_is_no_trouble() -> None:
    condition = above("Progressing", "True", "ReplicaSetUpdated")

    assert find(deployment(NEW, conditions=(condition,)), []) is None


def test_the_gravest_trouble_comes_first() -> None:
    slow = pod("slow", state={}, conditions=(unscheduled("no room"),))
    dead = pod("dead", state=waiting("ImagePullBackOff"))

    trouble = find(deployment(NEW), [slow, dead])

    assert trouble is not None
    assert trouble.name == "dead"


def test_at_last_it_is_what_has_not_started_or_is_not_ready() -> None:
    creating = pod("creating", state=waiting("ContainerCreating"))
    unready = pod("unready")
    fine = pod("fine", ready=True)

    assert at_last([fine, creating], "app") == Trouble(
        "unstarted", creating, "app", "is creating app"
    )
    assert at_last([fine, unready], "app") == Trouble("unready", unready, "app")
    assert at_last([fine], "app") == Trouble("missing", {})


def test_a_sidecar_can_be_what_is_not_ready() -> None:
    broken = pod(ready=True)
    broken["status"]["conditions"] = []
    broken["status"]["containerStatuses"].append({"name": "proxy", "ready": False})

    assert at_last([broken], "app").container == "proxy"

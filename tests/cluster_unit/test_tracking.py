from collections.abc import Iterator
from typing import Any

import pytest

from syncd.cluster.pods import Replica, TargetSpec, View
from syncd.cluster.tracking import Tracking
from syncd.cluster.watching import Changed, Event, Gone, Listed
from tests.cluster_unit.objects import (
    Object,
    deployment,
    of_deployment,
    owner,
    pod,
    waiting,
)
from tests.cluster_unit.recordings import rows


WEB = TargetSpec("shop", "deployment", name="web")
MYAPP = TargetSpec("myapp", "deployment", name="myapp")
SERVERS = pytest.mark.parametrize("server", ["1.20.2", "1.36.2"])


def event_of(row: dict[str, Any]) -> Event | None:
    match row["type"]:
        case "ADDED" | "MODIFIED":
            return Changed(row["object"])
        case "DELETED":
            return Gone(row["object"])
        case _:
            return None


def replayed(recording: str, spec: TargetSpec) -> Iterator[tuple[Object, View]]:
    """Each event's object of a recording, with the view after it."""
    tracking = Tracking(spec)
    tracking.heard_of_workload(Listed((deployment("myapp"),)))
    for row in rows(recording):
        if event := event_of(row):
            tracking.heard_of_pods(event)
            yield row["object"], tracking.view()


def labelled(name: str) -> TargetSpec:
    return TargetSpec("rec", "selector", selector=f"w={name}")


@SERVERS
def test_a_leaving_pod_is_never_a_replica(server: str) -> None:
    leaving = set()
    for seen, view in replayed(f"watch-{server}-rollout-and-delete", MYAPP):
        if "deletionTimestamp" in seen["metadata"]:
            leaving.add(seen["metadata"]["uid"])
        assert leaving.isdisjoint(replica.uid for replica in view.replicas)

    assert len(leaving) == 2


@SERVERS
def test_a_replica_always_runs(server: str) -> None:
    for recording in ("rollout-and-delete", "crash", "oom", "pull", "never", "ready"):
        spec = MYAPP if "rollout" in recording else labelled(recording)
        for seen, view in replayed(f"watch-{server}-{recording}", spec):
            statuses = seen["status"].get("containerStatuses") or [{}]
            runs = "running" in statuses[0].get("state", {})
            stays = "deletionTimestamp" not in seen["metadata"]
            is_one = seen["metadata"]["uid"] in {r.uid for r in view.replicas}
            assert is_one == (runs and stays)


@SERVERS
def test_a_new_pod_is_a_replica_before_it_is_ready(server: str) -> None:
    first = next(
        view.replicas[-1]
        for _, view in replayed(f"watch-{server}-rollout-and-delete", MYAPP)
        if view.replicas
    )

    assert not first.ready


@SERVERS
def test_each_restart_is_another_container(server: str) -> None:
    for recording in ("crash", "oom"):
        ids: dict[str, Replica] = {}
        for _, view in replayed(f"watch-{server}-{recording}", labelled(recording)):
            ids |= {replica.container_id: replica for replica in view.replicas}

        assert [replica.restarts for replica in ids.values()] == [0, 1, 2, 3]


@SERVERS
def test_an_image_that_cannot_be_pulled_keeps_one_reason(server: str) -> None:
    views = [
        view.skipped[0].reason
        for _, view in replayed(f"watch-{server}-pull", labelled("pull"))
    ]

    pulling = [reason for reason in views if "pull" in reason]
    assert len(set(pulling)) == 1
    assert pulling[0].startswith("cannot pull image localhost:5000/absent:dev: ")
    assert "not found" in pulling[0]


@SERVERS
def test_readiness_shows_in_the_view(server: str) -> None:
    seen = [
        view.replicas[0].ready
        for _, view in replayed(f"watch-{server}-ready", labelled("ready"))
        if view.replicas
    ]
    changes = [b for a, b in zip([None, *seen], seen, strict=False) if a != b]

    assert changes == [False, True, False, True]


def test_a_list_replaces_all_that_was_known() -> None:
    tracking = Tracking(TargetSpec("shop", "selector", selector="app=web"))
    tracking.heard_of_pods(Changed(pod("a")))
    tracking.heard_of_pods(Listed((pod("b"),)))

    assert [replica.pod for replica in tracking.view().replicas] == ["b"]


def test_a_pod_that_is_gone_is_neither_replica_nor_skipped() -> None:
    tracking = Tracking(TargetSpec("shop", "pod", name="a"))
    tracking.heard_of_pods(Changed(pod("a")))
    tracking.heard_of_pods(Gone(pod("a")))

    assert tracking.view() == View()
    assert tracking.lack == "pods"


def test_a_pod_made_anew_with_the_same_name_is_another_one() -> None:
    tracking = Tracking(TargetSpec("shop", "pod", name="a"))
    old, new = pod("a"), pod("a", uid="new")
    for event in (Changed(old), Changed(new), Gone(old)):
        tracking.heard_of_pods(event)

    assert [replica.uid for replica in tracking.view().replicas] == ["new"]


@pytest.mark.parametrize(
    ("spec", "query"),
    [
        (TargetSpec("n", "pod", name="p"), {"fieldSelector": "metadata.name=p"}),
        (TargetSpec("n", "selector", selector="a=b"), {"labelSelector": "a=b"}),
        (WEB, None),
    ],
)
def test_which_pods_to_ask_for(spec: TargetSpec, query: dict[str, str] | None) -> None:
    assert Tracking(spec).query() == query


def test_a_workloads_pods_are_those_of_its_selector_at_the_time() -> None:
    tracking = Tracking(WEB)
    seen = []
    for event in (
        Listed(()),
        Changed(deployment(labels={"app": "a"})),
        Gone(deployment()),
        Changed(deployment(labels={"app": "b"})),
    ):
        tracking.heard_of_workload(event)
        seen.append(tracking.query())

    assert seen == [None, {"labelSelector": "app=a"}, None, {"labelSelector": "app=b"}]


def test_only_a_replica_set_with_an_odd_name_is_a_stranger() -> None:
    tracking = Tracking(WEB)
    odd = pod("odd", ownerReferences=owner("ReplicaSet", "older", "rs"))
    tracking.heard_of_pods(Listed((of_deployment("a", "web", "1"), odd, pod("bare"))))
    assert tracking.strangers() == {"rs": "older"}

    tracking.looked_up("rs", own=True)

    assert tracking.strangers() == {}
    assert [replica.pod for replica in tracking.view().replicas] == ["a", "odd"]


def test_a_selector_has_no_strangers() -> None:
    tracking = Tracking(TargetSpec("shop", "selector", selector="app=web"))
    tracking.heard_of_pods(
        Changed(pod("odd", ownerReferences=owner("ReplicaSet", "older")))
    )

    assert tracking.strangers() == {}


def test_a_workload_without_replicas_says_so() -> None:
    tracking = Tracking(WEB)
    tracking.heard_of_workload(Listed((deployment(replicas=0),)))

    assert tracking.view().note == "deployment/web is scaled to 0 replicas"


def test_a_quota_is_a_note() -> None:
    workload = deployment(replicas=1)
    workload["status"]["conditions"] = [
        {"type": "Available", "status": "False"},
        {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"},
    ]
    tracking = Tracking(WEB)
    tracking.heard_of_workload(Listed((workload,)))

    assert tracking.view().note == "no Pod can be created: exceeded quota"


def test_a_note_is_forgotten_once_pods_match() -> None:
    tracking = Tracking(TargetSpec("shop", "pod", name="a"))
    tracking.note = "pod/a does not exist"
    assert tracking.view().note == "pod/a does not exist"

    tracking.heard_of_pods(Changed(pod("a")))

    assert tracking.view().note == ""


def test_the_fuller_reason_stays() -> None:
    tracking = Tracking(TargetSpec("shop", "pod", name="a"))
    full = pod("a", state=waiting("ErrImagePull", "no such tag"))
    short = pod(
        "a", state=waiting("ImagePullBackOff", 'Back-off pulling image "app:1"')
    )
    reasons = []
    for seen in (short, full, short):
        tracking.heard_of_pods(Changed(seen))
        reasons.append(tracking.view().skipped[0].reason)

    assert reasons == [
        "cannot pull image app:1",
        "cannot pull image app:1: no such tag",
        "cannot pull image app:1: no such tag",
    ]

import pytest

from syncd.cluster.pods import (
    Replica,
    Skipped,
    TargetSpec,
    View,
    label_selector,
    select,
)
from syncd.errors import ConfigError, TargetError
from tests.cluster_unit.objects import (
    CREATING,
    Object,
    container,
    deployment,
    of_deployment,
    owner,
    pod,
    terminated,
    waiting,
)


LABELS = TargetSpec("shop", "selector", selector="app=web")
WEB = TargetSpec("shop", "deployment", name="web")
DB = TargetSpec("shop", "statefulset", name="db")


@pytest.mark.parametrize(
    ("written", "kind", "name"),
    [
        ("deployment/web", "deployment", "web"),
        ("deploy/web", "deployment", "web"),
        ("deployments/web", "deployment", "web"),
        ("Deployment/web", "deployment", "web"),
        ("deployment.apps/web", "deployment", "web"),
        ("statefulset/db", "statefulset", "db"),
        ("sts/db", "statefulset", "db"),
        ("pod/web-0", "pod", "web-0"),
        ("po/web-0", "pod", "web-0"),
    ],
)
def test_a_workload_is_kind_and_name(written: str, kind: str, name: str) -> None:
    spec = TargetSpec.parse(written, "shop", "app")

    assert (spec.kind, spec.name, spec.container) == (kind, name, "app")
    assert str(spec) == f"{kind}/{name}"


@pytest.mark.parametrize(
    "written",
    [
        "app=web",
        "app=web,tier!=db",
        "example.com/app=web",
        "tier in (a, b)",
        "!gone",
        "app",
        "example.com/app",
    ],
)
def test_anything_that_is_no_kind_is_a_selector(written: str) -> None:
    spec = TargetSpec.parse(written, "shop")

    assert (spec.kind, spec.selector, str(spec)) == ("selector", written, written)


@pytest.mark.parametrize("written", ["", "job/x", "deployment/", "/web", "a/b"])
def test_anything_else_is_no_target(written: str) -> None:
    with pytest.raises(ConfigError, match="not a target"):
        TargetSpec.parse(written, "shop")


def test_a_running_container_is_a_replica() -> None:
    view = select(LABELS, [pod("web-0")])

    assert view == View(
        (
            Replica(
                namespace="shop",
                pod="web-0",
                uid="uid-web-0",
                container="app",
                container_id="containerd://app",
                image="app:1",
                ready=True,
                restarts=0,
                node="n1",
            ),
        )
    )


def test_a_container_that_is_not_ready_is_a_replica_all_the_same() -> None:
    unready = pod()
    unready["status"]["containerStatuses"][0]["ready"] = False

    (replica,) = select(LABELS, [unready]).replicas

    assert not replica.ready


def test_replicas_come_in_the_order_of_their_names() -> None:
    view = select(LABELS, [pod("b"), pod("a"), pod("c")])

    assert [replica.pod for replica in view.replicas] == ["a", "b", "c"]


def reason(of: Object, spec: TargetSpec = LABELS) -> str:
    view = select(spec, [of])
    assert view.replicas == ()
    (skipped,) = view.skipped
    return skipped.reason


def unscheduled() -> Object:
    found = pod(phase="Pending", node="", state=CREATING)
    found["status"] = {
        "phase": "Pending",
        "conditions": [
            {
                "type": "PodScheduled",
                "status": "False",
                "message": "0/1 nodes are available: 1 Insufficient cpu.",
            }
        ],
    }
    return found


def with_init(state: Object, **more: object) -> Object:
    found = pod(phase="Pending", state=waiting("PodInitializing"))
    found["spec"]["initContainers"] = [{"name": "migrate", "image": "m:1", **more}]
    found["status"]["initContainerStatuses"] = [container("migrate", state)]
    return found


def crash_looping() -> Object:
    found = pod(state=waiting("CrashLoopBackOff", "back-off 10s restarting"))
    found["status"]["containerStatuses"][0] |= {
        "restartCount": 3,
        "lastState": terminated("OOMKilled", 137),
    }
    return found


@pytest.mark.parametrize(
    ("of", "said"),
    [
        pytest.param(
            pod(
                deletionTimestamp="2026-11-22T13:50:52Z", deletionGracePeriodSeconds=30
            ),
            "is terminating since 13:50:22 UTC",
            id="leaving",
        ),
        pytest.param(
            pod(deletionTimestamp="soon"), "is terminating", id="leaving, oddly"
        ),
        pytest.param(pod(phase="Succeeded"), "has completed", id="completed"),
        pytest.param(
            unscheduled(),
            "is not scheduled: 0/1 nodes are available: 1 Insufficient cpu.",
            id="unschedulable",
        ),
        pytest.param(
            pod(phase="Pending", node="", state=CREATING),
            "is not scheduled yet",
            id="new",
        ),
        pytest.param(
            pod(phase="Pending", state=CREATING), "is creating app", id="creating"
        ),
        pytest.param(
            pod(state=terminated("Error", 4)),
            "container app ended: Error, exit code 4",
            id="ended",
        ),
        pytest.param(
            pod(state={"terminated": {"exitCode": 0, "signal": 9}}),
            "container app ended: ended, exit code 0, signal 9",
            id="signalled",
        ),
        pytest.param(
            crash_looping(),
            "container app is crash-looping, 3 restarts"
            " (last: OOMKilled, exit code 137)",
            id="crash loop",
        ),
        pytest.param(
            pod(state=waiting("CrashLoopBackOff")),
            "container app is crash-looping, 0 restarts",
            id="crash loop, no history",
        ),
        pytest.param(
            pod(state=waiting("ErrImagePull", "rpc error:\n not found")),
            "cannot pull image app:1: rpc error: not found",
            id="image, trying",
        ),
        pytest.param(
            pod(
                state=waiting(
                    "ImagePullBackOff",
                    'Back-off pulling image "app:1": ErrImagePull: rpc error:'
                    " not found",
                )
            ),
            "cannot pull image app:1: rpc error: not found",
            id="image, backing off",
        ),
        pytest.param(
            pod(state=waiting("ImagePullBackOff", 'Back-off pulling image "app:1"')),
            "cannot pull image app:1",
            id="image, backing off without a word",
        ),
        pytest.param(
            pod(state=waiting("CreateContainerConfigError", 'secret "s" not found')),
            'container app is waiting: CreateContainerConfigError: secret "s"'
            " not found",
            id="config",
        ),
        pytest.param(
            with_init({"running": {}}),
            "init container migrate has not ended yet",
            id="init running",
        ),
        pytest.param(
            with_init(terminated("Error", 2)),
            "init container migrate ended: Error, exit code 2",
            id="init failed",
        ),
        pytest.param(
            with_init(waiting("CrashLoopBackOff")),
            "container migrate is crash-looping, 0 restarts",
            id="init crash-looping",
        ),
        pytest.param(
            with_init(waiting("ImagePullBackOff", "why")),
            "cannot pull image migrate:1: why",
            id="init image",
        ),
        pytest.param(
            with_init(terminated("Completed", 0)), "is creating app", id="init done"
        ),
        pytest.param(
            pod("web-0", "a", "b"),
            "has 2 containers, and the target names none of them: a, b",
            id="several containers",
        ),
    ],
)
def test_what_does_not_run_is_skipped_for_a_reason(of: Object, said: str) -> None:
    assert reason(of) == said


@pytest.mark.parametrize(
    ("state", "policy", "returning"),
    [
        pytest.param(terminated(), "Always", ["web-0"], id="ended"),
        pytest.param(waiting("CrashLoopBackOff"), "Always", ["web-0"], id="waits"),
        pytest.param(CREATING, "Always", [], id="never ran"),
        pytest.param(terminated(), "Never", [], id="for good"),
    ],
)
def test_what_will_be_started_again_is_returning(
    state: Object, policy: str, returning: list[str]
) -> None:
    found = pod(state=state)
    found["spec"]["restartPolicy"] = policy

    view = select(LABELS, [found])

    assert [replica.pod for replica in view.returning] == returning
    assert [skipped.pod for skipped in view.skipped] == ["web-0"]
    assert view.replicas == ()


def test_an_evicted_pod_says_why() -> None:
    evicted = pod(phase="Failed")
    evicted["status"] |= {"reason": "Evicted", "message": "low on memory"}

    assert reason(evicted) == "has failed: Evicted: low on memory"


def test_a_pod_without_a_status_is_skipped() -> None:
    bare = pod(phase="Pending")
    del bare["status"]

    assert reason(bare) == "is creating app"


# --- whose Pod it is --------------------------------------------------------------


def test_old_and_new_pods_of_a_rollout_are_replicas() -> None:
    view = select(
        WEB, [of_deployment("web-a", "web", "1"), of_deployment("web-b", "web", "2")]
    )

    assert [replica.pod for replica in view.replicas] == ["web-a", "web-b"]


def test_a_pod_of_another_deployment_with_the_same_labels_is_skipped() -> None:
    other = of_deployment("web-x-1", "web-x", "1")

    assert reason(other, WEB) == (
        "has the labels of deployment/web, but is managed by ReplicaSet web-x-1"
    )


def test_a_pod_that_nobody_manages_is_skipped() -> None:
    assert reason(pod(), WEB).endswith("managed by nobody")


def test_a_pod_of_an_adopted_replica_set_is_a_replica() -> None:
    odd = pod(ownerReferences=owner("ReplicaSet", "old-name", "rs-uid"))

    assert select(WEB, [odd], adopted=["rs-uid"]).replicas
    assert not select(WEB, [odd]).replicas


def test_a_replica_set_is_never_taken_for_a_stateful_set() -> None:
    odd = of_deployment("db-0", "db", "1")

    assert not select(DB, [odd]).replicas


@pytest.mark.parametrize(
    ("name", "uid", "own"),
    [("db", "", True), ("db", "u-db", True), ("db", "u-else", False), ("d", "", False)],
)
def test_a_stateful_set_owns_its_pods_itself(name: str, uid: str, own: bool) -> None:
    found = pod("db-0", ownerReferences=owner("StatefulSet", name))

    assert bool(select(DB, [found], uid=uid).replicas) is own


def test_an_owner_that_does_not_control_is_no_owner() -> None:
    references = owner("StatefulSet", "db")
    references[0]["controller"] = False

    assert not select(DB, [pod("db-0", ownerReferences=references)]).replicas


def test_a_native_sidecar_can_be_synced() -> None:
    found = pod()
    found["spec"]["initContainers"] = [
        {"name": "side", "image": "side:1", "restartPolicy": "Always"}
    ]
    found["status"]["initContainerStatuses"] = [
        container("side", {"running": {}}, started=True)
    ]
    spec = TargetSpec("shop", "selector", selector="app=web", container="side")

    (replica,) = select(spec, [found]).replicas

    assert (replica.container, replica.image) == ("side", "side:1")


def test_a_native_sidecar_that_is_up_holds_nothing_up() -> None:
    found = with_init({"running": {}})
    found["status"]["initContainerStatuses"][0]["started"] = True

    assert reason(found) == "is creating app"


# --- selectors and explanations -----------------------------------------------------


def test_a_workloads_selector_is_one_string() -> None:
    expressions = [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "env", "operator": "NotIn", "values": ["prod"]},
        {"key": "team", "operator": "Exists"},
        {"key": "old", "operator": "DoesNotExist"},
    ]
    workload = deployment(labels={"b": "2", "a": "1"})
    workload["spec"]["selector"]["matchExpressions"] = expressions

    assert label_selector(workload) == (
        "a=1,b=2,tier in (a,b),env notin (prod),team,!old"
    )


def test_an_operator_from_the_future_is_refused() -> None:
    workload = deployment()
    workload["spec"]["selector"]["matchExpressions"] = [{"key": "k", "operator": "Gt"}]

    with pytest.raises(TargetError, match="operator Gt"):
        label_selector(workload)


def test_an_empty_view_explains_itself() -> None:
    view = View(skipped=(Skipped("a", "is terminating"),), note="it rolls out")

    error = view.explain(WEB)

    assert str(error) == (
        'deployment/web in namespace "shop" has no running container:'
        " it rolls out; a: is terminating"
    )
    assert error.hint == "kubectl get pods -n shop"


def test_a_view_that_knows_nothing_says_so() -> None:
    assert str(View().explain(LABELS)).endswith("no Pod matches")

"""What the controllers make of what is wanted."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncd.loopback.api.wording import is_true
from syncd.loopback.apierror import ApiError
from syncd.loopback.objects.place import Place
from syncd.loopback.readiness import is_ready
from syncd.loopback.store import Object
from tests.loopback.manifests import deployment, namespace, pod, workload
from tests.loopback.plane import Plane, running


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with running(tmp_path, serving=False) as plane:
        yield plane


def leaving(obj: Object) -> bool:
    return "deletionTimestamp" in obj["metadata"]


def pods(plane: Plane) -> list[Object]:
    return [p for p in plane.all("pods") if not leaving(p)]


def images(plane: Plane) -> list[str]:
    return sorted(p["spec"]["containers"][0]["image"] for p in pods(plane))


def names(objects: list[Object]) -> list[str]:
    return [obj["metadata"]["name"] for obj in objects]


async def ready(plane: Plane, plural: str = "deployments", name: str = "web") -> Object:
    found: Object = await plane.until(
        lambda: is_ready(plane.get(plural, name)) and plane.get(plural, name)
    )
    return found


def change(plane: Plane, obj: Object, **spec: Any) -> Object:
    """Write an object anew with other fields in its spec."""
    resource = plane.context.catalog.of_kind(obj["apiVersion"], obj["kind"])
    assert resource is not None
    now = plane.get(resource.plural, obj["metadata"]["name"])
    return plane.context.update({**now, "spec": {**now["spec"], **spec}})


def with_image(obj: Object, image: str) -> dict[str, Any]:
    template = obj["spec"]["template"]
    (container,) = template["spec"]["containers"]
    spec = {**template["spec"], "containers": [{**container, "image": image}]}
    return {**template, "spec": spec}


async def test_a_deployment_has_as_many_pods_as_it_wants(plane: Plane) -> None:
    web = plane.create(deployment(replicas=3))
    await ready(plane)
    assert len(pods(plane)) == 3
    change(plane, web, replicas=1)
    await ready(plane)

    assert len(pods(plane)) == 1
    assert plane.get("deployments", "web")["metadata"]["generation"] == 2


async def test_a_deleted_pod_is_replaced_by_another(plane: Plane) -> None:
    plane.create(deployment(replicas=1))
    await ready(plane)
    (first,) = pods(plane)
    plane.context.delete(first)
    await plane.until(lambda: pods(plane))
    await ready(plane)
    (second,) = pods(plane)

    assert second["metadata"]["uid"] != first["metadata"]["uid"]
    assert second["metadata"]["name"] != first["metadata"]["name"]


@pytest.mark.parametrize(
    ("replicas", "surge", "missing"),
    [(1, "25%", "25%"), (4, "25%", "25%"), (4, 1, 0), (4, 0, 1), (5, "100%", "50%")],
)
async def test_a_rollout_never_leaves_its_bounds(
    plane: Plane, replicas: int, surge: Any, missing: Any
) -> None:
    rolling = {"maxSurge": surge, "maxUnavailable": missing}
    strategy = {"type": "RollingUpdate", "rollingUpdate": rolling}
    web = plane.create(deployment(replicas=replicas, strategy=strategy))
    await ready(plane)
    limit = replicas + (
        surge if isinstance(surge, int) else -(-int(surge[:-1]) * replicas // 100)
    )
    floor = replicas - (
        missing if isinstance(missing, int) else int(missing[:-1]) * replicas // 100
    )
    seen: list[tuple[int, int]] = []

    async def count() -> None:
        while True:
            serving = [p for p in pods(plane) if is_true(p["status"], "Ready")]
            seen.append((len(pods(plane)), len(serving)))
            await plane.store.changed(plane.store.revision)

    async with anyio.create_task_group() as group:
        group.start_soon(count)
        change(plane, web, template=with_image(web, "web:2"))
        await ready(plane)
        group.cancel_scope.cancel()

    assert images(plane) == ["web:2"] * replicas
    assert max(total for total, _ in seen) <= limit
    assert min(serving for _, serving in seen) >= floor


async def test_a_new_pod_that_is_not_ready_holds_up_the_rollout(plane: Plane) -> None:
    web = plane.create(deployment(replicas=2))
    await ready(plane)
    plane.node.ready = False
    change(plane, web, template=with_image(web, "web:2"))
    await anyio.wait_all_tasks_blocked()

    assert images(plane) == ["web:1", "web:1", "web:2"]
    status = plane.get("deployments", "web")["status"]
    assert (status["availableReplicas"], status["updatedReplicas"]) == (2, 1)


async def test_recreate_never_runs_both(plane: Plane) -> None:
    plane.node.lingers = True
    web = plane.create(deployment(replicas=2, strategy={"type": "Recreate"}))
    await ready(plane)
    change(plane, web, template=with_image(web, "web:2"))
    await anyio.wait_all_tasks_blocked()
    assert images(plane) == []
    for uid in list(plane.node.pods):
        plane.node.end(uid)
        plane.node.remove(uid)
    await ready(plane)

    assert images(plane) == ["web:2", "web:2"]


async def test_going_back_reuses_the_old_replica_set_under_a_new_revision(
    plane: Plane,
) -> None:
    web = plane.create(deployment(replicas=1))
    await ready(plane)
    first = names(plane.all("replicasets"))
    change(plane, web, template=with_image(web, "web:2"))
    await ready(plane)
    change(plane, web, template=with_image(web, "web:1"))
    web = await ready(plane)
    revision = "deployment.kubernetes.io/revision"
    (used,) = (s for s in plane.all("replicasets") if s["spec"]["replicas"])

    assert names([used]) == first
    assert used["metadata"]["annotations"][revision] == "3"
    assert used["metadata"]["annotations"][f"{revision}-history"] == "1"
    assert web["metadata"]["annotations"][revision] == "3"


async def test_a_paused_deployment_waits_with_its_template_but_scales(
    plane: Plane,
) -> None:
    web = plane.create(deployment(replicas=1))
    await ready(plane)
    change(plane, web, paused=True, replicas=2, template=with_image(web, "web:2"))
    await anyio.wait_all_tasks_blocked()
    assert images(plane) == ["web:1", "web:1"]
    change(plane, web, paused=False)
    await ready(plane)

    assert images(plane) == ["web:2", "web:2"]


async def test_scaling_in_the_middle_of_a_rollout_ends_at_the_new_size(
    plane: Plane,
) -> None:
    web = plane.create(deployment(replicas=2))
    await ready(plane)
    plane.node.ready = False
    change(plane, web, template=with_image(web, "web:2"))
    await anyio.wait_all_tasks_blocked()
    change(plane, web, replicas=4)
    await anyio.wait_all_tasks_blocked()
    plane.node.ready = True
    for uid in list(plane.node.pods):
        plane.node.make_ready(uid)
    await ready(plane)

    assert images(plane) == ["web:2"] * 4


async def test_old_replica_sets_are_forgotten_beyond_the_limit(plane: Plane) -> None:
    web = plane.create(deployment(replicas=1, revisionHistoryLimit=1))
    for number in range(2, 5):
        await ready(plane)
        change(plane, web, template=with_image(web, f"web:{number}"))
    await ready(plane)
    await plane.until(lambda: len(plane.all("replicasets")) == 2)


async def test_a_rollout_that_is_stuck_says_so(plane: Plane) -> None:
    plane.node.ready = False
    plane.create(deployment(replicas=1, progressDeadlineSeconds=1))

    def reason() -> bool:
        status = plane.get("deployments", "web").get("status", {})
        return any(
            c["reason"] == "ProgressDeadlineExceeded" and c["status"] == "False"
            for c in status.get("conditions", ())
        )

    await plane.until(reason)


async def test_pods_that_cannot_be_created_are_reported(plane: Plane) -> None:
    web = deployment(replicas=1)
    web["spec"]["template"]["spec"]["serviceAccountName"] = "nobody"
    plane.create(web)

    def failed() -> bool:
        status = plane.get("deployments", "web").get("status", {})
        return is_true(status, "ReplicaFailure")

    await plane.until(failed)
    (event,) = (e for e in plane.all("events") if e["reason"] == "FailedCreate")
    assert 'serviceaccount "nobody" not found' in event["message"]


async def test_a_stray_pod_is_let_go_and_an_orphan_adopted(plane: Plane) -> None:
    plane.create(deployment(replicas=1))
    await ready(plane)
    (first,) = pods(plane)
    metadata = {**first["metadata"], "labels": {"app": "debug"}}
    plane.context.update({**first, "metadata": metadata})
    await plane.until(lambda: len(pods(plane)) == 2)
    await ready(plane)
    stray = plane.get("pods", first["metadata"]["name"])
    assert "ownerReferences" not in stray["metadata"]
    metadata = {**stray["metadata"], "labels": first["metadata"]["labels"]}
    plane.context.update({**stray, "metadata": metadata})
    await plane.until(lambda: len(pods(plane)) == 1)


async def test_what_serves_least_is_deleted_first(plane: Plane) -> None:
    web = plane.create(deployment(replicas=1))
    await ready(plane)
    (serving,) = pods(plane)
    plane.node.ready = False
    change(plane, web, replicas=3)
    await anyio.wait_all_tasks_blocked()
    assert len(pods(plane)) == 3
    change(plane, web, replicas=1)
    await plane.until(lambda: len(pods(plane)) == 1)

    assert names(pods(plane)) == names([serving])


async def test_what_an_owner_had_goes_with_it(plane: Plane) -> None:
    web = plane.create(deployment(replicas=2))
    await ready(plane)
    plane.context.delete(web)
    await plane.until(lambda: not plane.all("pods") and not plane.all("replicasets"))


async def test_orphans_stay(plane: Plane) -> None:
    web = plane.create(deployment(replicas=1))
    await ready(plane)
    place = plane.context.place(web)
    plane.context.deleter.delete(place, {"propagationPolicy": "Orphan"})
    await anyio.wait_all_tasks_blocked()
    (kept,) = plane.all("replicasets")

    assert "ownerReferences" not in kept["metadata"]
    assert len(pods(plane)) == 1


async def test_a_namespace_is_emptied_before_it_goes(plane: Plane) -> None:
    plane.create(namespace("app"))
    await plane.until(lambda: plane.all("serviceaccounts", "app"))
    plane.node.lingers = True
    plane.create(deployment(replicas=1), "app")
    await plane.until(lambda: plane.node.pods)
    plane.context.delete(plane.get("namespaces", "app", ""))
    await anyio.wait_all_tasks_blocked()
    assert plane.get("namespaces", "app", "")["status"] == {"phase": "Terminating"}
    with pytest.raises(ApiError, match="because it is being terminated"):
        plane.create(pod(), "app")
    for uid in list(plane.node.pods):
        plane.node.end(uid)
        plane.node.remove(uid)
    await plane.until(lambda: "app" not in names(plane.all("namespaces")))


async def test_a_stateful_set_starts_one_pod_after_the_other(plane: Plane) -> None:
    plane.node.ready = False
    plane.create(workload("StatefulSet", "db", replicas=2, serviceName="db"))
    await anyio.wait_all_tasks_blocked()
    assert names(pods(plane)) == ["db-0"]
    plane.node.ready = True
    plane.node.make_ready(next(iter(plane.node.pods)))
    await ready(plane, "statefulsets", "db")

    assert names(pods(plane)) == ["db-0", "db-1"]
    assert pods(plane)[0]["spec"]["hostname"] == "db-0"


async def test_a_parallel_stateful_set_does_not_wait(plane: Plane) -> None:
    plane.node.ready = False
    parallel = {"podManagementPolicy": "Parallel"}
    plane.create(workload("StatefulSet", "db", replicas=3, **parallel))
    await anyio.wait_all_tasks_blocked()

    assert names(pods(plane)) == ["db-0", "db-1", "db-2"]


async def test_a_stateful_set_rolls_from_its_last_pod_down(plane: Plane) -> None:
    db = plane.create(workload("StatefulSet", "db", replicas=2, image="db:1"))
    await ready(plane, "statefulsets", "db")
    start = plane.store.revision
    change(plane, db, template=with_image(db, "db:2"))
    await ready(plane, "statefulsets", "db")
    gone = [
        e.after["metadata"]["name"]
        for e in plane.store.since(start)
        if e.type == "DELETED" and e.resource.kind == "Pod"
    ]

    assert gone == ["db-1", "db-0"]
    assert images(plane) == ["db:2", "db:2"]
    status = plane.get("statefulsets", "db")["status"]
    assert status["currentRevision"] == status["updateRevision"]


async def test_a_partition_keeps_the_first_pods_as_they_are(plane: Plane) -> None:
    update = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    db = plane.create(
        workload("StatefulSet", "db", replicas=2, image="db:1", updateStrategy=update)
    )
    await ready(plane, "statefulsets", "db")
    change(plane, db, template=with_image(db, "db:2"))
    await plane.until(lambda: images(plane) == ["db:1", "db:2"])


async def test_a_stateful_set_shrinks_from_its_end_and_keeps_its_claims(
    plane: Plane,
) -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    db = plane.create(
        workload("StatefulSet", "db", replicas=2, volumeClaimTemplates=[claim])
    )
    await ready(plane, "statefulsets", "db")
    change(plane, db, replicas=1)
    await plane.until(lambda: names(plane.all("pods")) == ["db-0"])

    claims = names(plane.all("persistentvolumeclaims"))
    assert claims == ["data-db-0", "data-db-1"]
    (volume,) = pods(plane)[0]["spec"]["volumes"]
    assert volume["persistentVolumeClaim"] == {"claimName": "data-db-0"}


async def test_a_finished_pod_of_a_set_is_replaced(plane: Plane) -> None:
    plane.create(deployment(replicas=1))
    await ready(plane)
    (uid,) = plane.node.pods
    plane.node.fail(uid)
    await plane.until(lambda: len(pods(plane)) == 2)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (
            {"nodeSelector": {"disk": "ssd"}},
            "didn't match Pod's node affinity/selector",
        ),
        ({"memory": "1000Ti"}, "Insufficient memory"),
        ({"cpu": "100000"}, "Insufficient cpu"),
    ],
    ids=str,
)
async def test_a_pod_that_fits_nowhere_says_why(
    plane: Plane, spec: dict[str, Any], why: str
) -> None:
    obj = pod()
    if "nodeSelector" in spec:
        obj["spec"] |= spec
    else:
        obj["spec"]["containers"][0]["resources"] = {"requests": spec}
    plane.create(obj)
    await plane.until(lambda: plane.get("pods", "box")["status"].get("conditions"))
    (condition,) = plane.get("pods", "box")["status"]["conditions"]

    assert condition["reason"] == "Unschedulable"
    assert why in condition["message"]
    assert "FailedScheduling" in {e["reason"] for e in plane.all("events")}


async def test_a_waiting_pod_is_bound_once_there_is_room(plane: Plane) -> None:
    node = plane.get("nodes", "syncd-loopback", "")
    resource = plane.context.catalog.named("nodes")
    cordoned = plane.store.replace(resource, {**node, "spec": {"unschedulable": True}})
    plane.create(pod())
    await anyio.wait_all_tasks_blocked()
    assert "nodeName" not in plane.get("pods", "box")["spec"]
    plane.store.replace(resource, {**cordoned, "spec": {}})
    await plane.until(lambda: is_ready(plane.get("pods", "box")))


async def test_a_leaving_pod_still_says_running_and_ready(plane: Plane) -> None:
    plane.create(pod())
    await plane.until(lambda: is_ready(plane.get("pods", "box")))
    plane.node.lingers = True
    plane.context.delete(plane.get("pods", "box"))
    await anyio.wait_all_tasks_blocked()
    box = plane.get("pods", "box")

    assert leaving(box)
    assert box["status"]["phase"] == "Running"
    assert is_true(box["status"], "Ready")


async def test_force_deletes_the_object_at_once(plane: Plane) -> None:
    plane.create(pod())
    await plane.until(lambda: plane.node.statuses)
    plane.node.lingers = True
    resource = plane.context.catalog.named("pods")
    place = Place(resource, "default", "box")
    plane.context.deleter.delete(place, {"gracePeriodSeconds": 0})
    assert not plane.all("pods")
    await anyio.wait_all_tasks_blocked()

    assert not plane.node.pods


async def test_a_pod_deleted_before_it_was_bound_never_starts(plane: Plane) -> None:
    created = plane.create(pod())
    plane.context.delete(created)
    await anyio.wait_all_tasks_blocked()

    assert not plane.all("pods")
    assert not plane.node.pods


async def test_events_stay_few(plane: Plane) -> None:
    plane.create(pod())
    await plane.until(lambda: plane.node.statuses)
    (uid,) = plane.node.statuses
    box = plane.get("pods", "box")
    for number in range(700):
        plane.context.recorder.record(
            box, "Warning", "BackOff", f"number {number}", component="kubelet"
        )
    for _ in range(5):
        plane.context.recorder.record(
            box, "Warning", "BackOff", "again", component="kubelet"
        )

    assert uid
    assert len(plane.all("events")) == 500
    (again,) = (e for e in plane.all("events") if e["message"] == "again")
    assert again["count"] == 5

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import pytest
from anyio import create_task_group
from anyio.streams.memory import MemoryObjectReceiveStream

from syncd.cluster.failures import Forbidden, Unreachable
from syncd.cluster.follow import follow
from syncd.cluster.pods import TargetSpec, View
from syncd.cluster.tasks import task_group
from syncd.errors import Halted, SyncdError, TargetError
from syncd.events import Event
from tests.cluster_unit.fakes import FakeHttp, answered, api_over, denied
from tests.cluster_unit.objects import (
    CREATING,
    deployment,
    of_deployment,
    owner,
    pod,
    terminated,
)


PODS = "/api/v1/namespaces/shop/pods"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
STATEFUL_SETS = "/apis/apps/v1/namespaces/shop/statefulsets"
REPLICA_SETS = "/apis/apps/v1/namespaces/shop/replicasets"
WEB = TargetSpec("shop", "deployment", name="web")
LABELS = TargetSpec("shop", "selector", selector="app=web")


class Views:
    """What is sent of a target while it is followed."""

    def __init__(
        self, receive: MemoryObjectReceiveStream[View], reported: list[Event]
    ) -> None:
        self._receive = receive
        self.reported = reported

    async def next(self) -> View:
        with anyio.fail_after(5):
            return await self._receive.receive()

    async def pods(self) -> list[str]:
        return [replica.pod for replica in (await self.next()).replicas]


@asynccontextmanager
async def following(http: FakeHttp, spec: TargetSpec) -> AsyncIterator[Views]:
    send, receive = anyio.create_memory_object_stream[View](10)
    reported: list[Event] = []
    async with create_task_group() as tasks:
        tasks.start_soon(follow, api_over(http), spec, send, reported.append)
        async with receive:
            yield Views(receive, reported)
        tasks.cancel_scope.cancel()


@pytest.fixture
def http() -> FakeHttp:
    return FakeHttp()


async def test_the_pods_of_a_deployment_are_followed(http: FakeHttp) -> None:
    http.put(DEPLOYMENTS, deployment("web"))
    http.put(PODS, of_deployment("web-a", "web", "1"))
    async with following(http, WEB) as views:
        assert await views.pods() == ["web-a"]

        await http.watched(PODS, "app=web")
        http.put(PODS, of_deployment("web-b", "web", "2"))
        assert await views.pods() == ["web-a", "web-b"]

        leaving = of_deployment(
            "web-a", "web", "1", deletionTimestamp="2026-11-22T13:50:52Z"
        )
        http.put(PODS, leaving)
        assert await views.pods() == ["web-b"]


async def test_the_end_of_following_ends_the_views(http: FakeHttp) -> None:
    http.refusals[PODS] = denied("list", "pods")
    send, receive = anyio.create_memory_object_stream[View](1)

    with pytest.raises(Forbidden):
        await follow(api_over(http), LABELS, send, lambda _: None)

    with receive, pytest.raises(anyio.EndOfStream):
        await receive.receive()


async def test_a_view_that_did_not_change_is_not_sent(http: FakeHttp) -> None:
    http.put(PODS, pod("a"))
    async with following(http, LABELS) as views:
        await views.next()
        watch = await http.watched(PODS, "app=web")

        watch.event("MODIFIED", pod("a", annotations={"x": "y"}))
        watch.event("MODIFIED", pod("a", state=terminated()))

        assert (await views.next()).skipped[0].reason.startswith("container app ended")


async def test_nothing_more_is_asked_while_pods_match(http: FakeHttp) -> None:
    http.put(PODS, pod("a"))
    async with following(http, LABELS) as views:
        await views.next()
        watch = await http.watched(PODS, "app=web")
        watch.event("MODIFIED", pod("a", state=terminated()))
        await views.next()

    assert [method for method, _, _ in http.asked] == ["GET", "WATCH"]


async def test_a_restarted_container_is_another_replica(http: FakeHttp) -> None:
    http.put(PODS, pod("a"))
    async with following(http, LABELS) as views:
        first = (await views.next()).replicas[0]
        watch = await http.watched(PODS, "app=web")
        again = pod("a")
        again["status"]["containerStatuses"][0]["containerID"] = "containerd://2"

        watch.event("MODIFIED", again)

        second = (await views.next()).replicas[0]
        assert (first.container_id, second.container_id) == (
            "containerd://app",
            "containerd://2",
        )


async def test_a_workload_that_is_missing_is_noted_with_what_there_is(
    http: FakeHttp,
) -> None:
    http.put(DEPLOYMENTS, deployment("webb"))
    async with following(http, WEB) as views:
        view = await views.next()

    assert view == View(
        note='deployment/web does not exist in namespace "shop"; there is webb'
    )


async def test_a_namespace_that_is_missing_is_noted(http: FakeHttp) -> None:
    http.refusals["/api/v1/namespaces/shop"] = answered({"message": "gone"}, 404)
    async with following(http, WEB) as views:
        view = await views.next()

    assert view.note == (
        'deployment/web does not exist in namespace "shop":'
        " that namespace does not exist"
    )


async def test_an_empty_namespace_is_noted(http: FakeHttp) -> None:
    async with following(http, TargetSpec("shop", "pod", name="a")) as views:
        view = await views.next()

    assert view.note == (
        'pod/a does not exist in namespace "shop"; there is none at all'
    )


async def test_labels_that_nothing_has_are_noted_with_those_there_are(
    http: FakeHttp,
) -> None:
    for number in range(10):
        http.put(PODS, pod(f"db-{number}", labels={"app": "db", "tier": "x"}))
    async with following(http, LABELS) as views:
        view = await views.next()

    assert view.note.startswith(
        'no Pod in namespace "shop" has the labels app=web;'
        " there is db-0 (app=db,tier=x), db-1 (app=db,tier=x)"
    )
    assert view.note.endswith("db-7 (app=db,tier=x), …")


async def test_without_leave_to_look_around_the_note_is_short(http: FakeHttp) -> None:
    http.refusals["/api/v1/namespaces/shop"] = denied("get", "namespaces")
    async with following(http, WEB) as views:
        view = await views.next()

    assert view.note == 'deployment/web does not exist in namespace "shop"'


async def test_a_workload_that_comes_later_is_followed_from_then(
    http: FakeHttp,
) -> None:
    async with following(http, WEB) as views:
        assert (await views.next()).replicas == ()
        await http.watched(DEPLOYMENTS, "metadata.name=web")

        http.put(PODS, of_deployment("web-a", "web", "1"))
        http.put(DEPLOYMENTS, deployment("web"))

        assert await views.pods() == ["web-a"]


async def test_a_workload_made_anew_with_other_labels_has_other_pods(
    http: FakeHttp,
) -> None:
    http.put(DEPLOYMENTS, deployment("web"))
    http.put(PODS, of_deployment("web-a", "web", "1"))
    async with following(http, WEB) as views:
        assert await views.pods() == ["web-a"]
        await http.watched(PODS, "app=web")

        http.remove(DEPLOYMENTS, "web")
        assert "does not exist" in (await views.next()).note

        new = of_deployment("web-z", "web", "9")
        new["metadata"]["labels"]["app"] = "new"
        http.put(PODS, new)
        http.put(DEPLOYMENTS, deployment("web", {"app": "new"}))
        assert await views.pods() == ["web-z"]
        await http.watched(PODS, "app=new")
        assert f"{PODS}?app=web" not in http.watches


async def test_a_change_of_the_workload_that_changes_nothing_is_not_sent(
    http: FakeHttp,
) -> None:
    http.put(DEPLOYMENTS, deployment("web", replicas=1))
    http.put(PODS, of_deployment("web-a", "web", "1"))
    async with following(http, WEB) as views:
        await views.next()
        await http.watched(PODS, "app=web")

        http.put(DEPLOYMENTS, deployment("web", replicas=2))
        http.put(PODS, of_deployment("web-b", "web", "1"))

        assert await views.pods() == ["web-a", "web-b"]


async def test_scaling_to_nothing_is_noted(http: FakeHttp) -> None:
    http.put(DEPLOYMENTS, deployment("web", replicas=0))
    async with following(http, WEB) as views:
        assert (await views.next()).note == "deployment/web is scaled to 0 replicas"


async def test_a_stateful_set_is_followed(http: FakeHttp) -> None:
    http.put(STATEFUL_SETS, deployment("db", {"app": "db"}))
    db = pod(
        "db-0",
        labels={"app": "db"},
        ownerReferences=owner("StatefulSet", "db", "uid-db"),
    )
    http.put(PODS, db)
    async with following(http, TargetSpec("shop", "statefulset", name="db")) as views:
        assert await views.pods() == ["db-0"]


@pytest.mark.parametrize(
    ("owners", "own"),
    [
        ([{"uid": "uid-web"}], True),
        ([{"uid": "uid-else"}], False),
        (None, False),
    ],
)
async def test_a_replica_set_with_an_odd_name_is_looked_up(
    http: FakeHttp, owners: list[dict[str, str]] | None, own: bool
) -> None:
    http.put(DEPLOYMENTS, deployment("web"))
    http.put(PODS, pod("a", ownerReferences=owner("ReplicaSet", "older")))
    http.put(
        REPLICA_SETS,
        {"metadata": {"name": "older", "uid": "u-older", "ownerReferences": owners}},
    )
    async with following(http, WEB) as views:
        assert bool((await views.next()).replicas) is own
        await http.watched(PODS, "app=web")
        http.put(PODS, of_deployment("b", "web", "1"))
        await views.next()

    looks = [path for _, path, _ in http.asked if path == f"{REPLICA_SETS}/older"]
    assert len(looks) == 1


async def test_a_replica_set_that_is_gone_is_not_its_own(http: FakeHttp) -> None:
    http.put(DEPLOYMENTS, deployment("web"))
    http.put(PODS, pod("a", ownerReferences=owner("ReplicaSet", "older")))
    async with following(http, WEB) as views:
        assert (await views.next()).replicas == ()


async def test_without_leave_to_look_it_up_the_labels_have_to_do(
    http: FakeHttp,
) -> None:
    http.put(DEPLOYMENTS, deployment("web"))
    http.put(PODS, pod("a", ownerReferences=owner("ReplicaSet", "older")))
    http.refusals[f"{REPLICA_SETS}/older"] = denied("get", "replicasets")
    async with following(http, WEB) as views:
        assert await views.pods() == ["a"]


async def test_an_outage_is_survived_and_said_once(http: FakeHttp) -> None:
    http.put(DEPLOYMENTS, deployment("web"))
    http.put(PODS, of_deployment("web-a", "web", "1", state=CREATING))
    async with following(http, WEB) as views:
        await views.next()
        await http.watched(PODS, "app=web")
        await http.watched(DEPLOYMENTS, "metadata.name=web")

        http.down = Unreachable("refused")
        http.cut()
        while not views.reported:
            await anyio.sleep(0)
        http.down = None
        await http.watched(PODS, "app=web")
        await http.watched(DEPLOYMENTS, "metadata.name=web")
        http.put(PODS, of_deployment("web-a", "web", "1"))
        assert await views.pods() == ["web-a"]

    assert [event.name for event in views.reported] == ["api.lost", "api.back"]


async def test_a_context_that_moved_ends_the_looking_around(http: FakeHttp) -> None:
    http.put(DEPLOYMENTS, deployment("web"))
    http.put(PODS, pod("a", ownerReferences=owner("ReplicaSet", "older")))
    http.failures[f"{REPLICA_SETS}/older"] = Halted("moved")
    send, receive = anyio.create_memory_object_stream[View](10)

    with receive, pytest.raises(Halted, match="moved"):
        await follow(api_over(http), WEB, send, lambda _: None)


@pytest.mark.parametrize("refused", [PODS, DEPLOYMENTS, f"watch {PODS}"])
async def test_a_missing_permission_is_raised_bare(
    http: FakeHttp, refused: str
) -> None:
    http.put(DEPLOYMENTS, deployment("web"))
    http.refusals[refused] = denied("list", "pods")
    send, receive = anyio.create_memory_object_stream[View](10)

    with receive, pytest.raises(Forbidden, match="may not list pods"):
        await follow(api_over(http), WEB, send, lambda _: None)


class TestTaskGroup:
    async def fail(self, error: Exception) -> None:
        raise error

    async def test_a_foreseen_failure_comes_out_as_itself(self) -> None:
        with pytest.raises(TargetError, match="no"):
            async with task_group() as outer:
                outer.start_soon(self.fail, TargetError("no"))

    async def test_one_of_an_inner_group_does_too(self) -> None:
        async def inner() -> None:
            async with create_task_group() as tasks:
                tasks.start_soon(self.fail, TargetError("no"))

        with pytest.raises(TargetError, match="no"):
            async with task_group() as outer:
                outer.start_soon(inner)

    async def test_a_bug_stays_a_group(self) -> None:
        async def both() -> None:
            async with task_group() as tasks:
                tasks.start_soon(self.fail, ValueError("bug"))
                tasks.start_soon(self.fail, SyncdError("no"))

        with pytest.raises(ExceptionGroup):
            await both()

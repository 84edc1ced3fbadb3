"""A target followed on a real cluster."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream
from anyio.streams.memory import MemoryObjectReceiveStream

from syncd.cluster import Api, Replica, TargetSpec, View, connect, follow
from syncd.events import Event
from tests.cluster.kube import BUSYBOX, Kube, Workload


pytestmark = pytest.mark.cluster


class Views:
    """The views of a target, and what was reported meanwhile."""

    def __init__(self, receive: MemoryObjectReceiveStream[View]) -> None:
        self._receive = receive
        self.all: list[View] = []
        self.reported: list[Event] = []
        self.has_reported = anyio.Event()

    def report(self, event: Event) -> None:
        self.reported.append(event)
        self.has_reported.set()

    async def until(self, condition: Callable[[View], object]) -> View:
        with anyio.fail_after(45):
            while True:
                self.all.append(await self._receive.receive())
                if condition(self.all[-1]):
                    return self.all[-1]


@asynccontextmanager
async def followed(api: Api, spec: TargetSpec) -> AsyncIterator[Views]:
    send, receive = anyio.create_memory_object_stream[View](100)
    async with anyio.create_task_group() as tasks, receive:
        views = Views(receive)
        tasks.start_soon(follow, api, spec, send, views.report)
        yield views
        tasks.cancel_scope.cancel()


def ready(count: int) -> Callable[[View], object]:
    return lambda view: (
        len(view.replicas) == count and all(each.ready for each in view.replicas)
    )


def names(view: View) -> set[str]:
    return {replica.pod for replica in view.replicas}


async def test_a_rollout_is_followed_without_a_gap(
    api: Api, workload: Callable[..., Workload], namespace: str
) -> None:
    web = workload("web", image=BUSYBOX)
    async with followed(api, TargetSpec.parse(web.target, namespace)) as views:
        before = await views.until(ready(1))
        await anyio.to_thread.run_sync(
            lambda: replace(web, env={"NEW": "1"}).apply(wait=False)
        )
        after = await views.until(
            lambda view: ready(1)(view) and names(view).isdisjoint(names(before))
        )

    assert all(view.replicas for view in views.all)
    both = [view for view in views.all if len(view.replicas) == 2]
    assert both
    assert names(both[0]) == names(before) | names(after)


async def test_replicas_come_and_go(
    api: Api, workload: Callable[..., Workload], kube: Kube, namespace: str
) -> None:
    many = workload("many", image=BUSYBOX)
    async with followed(api, TargetSpec.parse(many.target, namespace)) as views:
        await views.until(ready(1))
        await kube.do("scale", many.target, "--replicas=3")
        three = await views.until(ready(3))
        leaving = min(names(three))
        await kube.do("delete", "pod", leaving, "--wait=false")
        await views.until(lambda view: ready(3)(view) and leaving not in names(view))
        await kube.do("scale", many.target, "--replicas=0")
        none = await views.until(lambda view: view.note and not view.replicas)

    assert none.note == "deployment/many is scaled to 0 replicas"
    for view in views.all:
        reasons = {skipped.pod: skipped.reason for skipped in view.skipped}
        if "terminating" in reasons.get(leaving, ""):
            assert leaving not in names(view)


async def test_a_crash_loop_is_followed_from_life_to_life(
    api: Api, workload: Callable[..., Workload], namespace: str
) -> None:
    crashing = workload(
        "crashing", image=BUSYBOX, command=("sh", "-c", "sleep 1; exit 3"), wait=False
    )
    lives: set[Replica] = set()
    async with followed(api, TargetSpec.parse(crashing.target, namespace)) as views:
        while len({replica.container_id for replica in lives}) < 2:
            lives |= set((await views.until(lambda view: view.replicas)).replicas)
        ended = await views.until(lambda view: view.skipped)

    assert "exit code 3" in ended.skipped[0].reason
    assert {replica.restarts for replica in lives} == {0, 1}


async def test_an_image_that_does_not_exist_is_a_reason(
    api: Api, workload: Callable[..., Workload], namespace: str
) -> None:
    absent = workload("absent", image="localhost:5000/absent:dev", wait=False)
    async with followed(api, TargetSpec.parse(absent.target, namespace)) as views:
        view = await views.until(
            lambda view: view.skipped and "cannot pull" in view.skipped[0].reason
        )

    assert "localhost:5000/absent:dev" in view.skipped[0].reason


async def test_a_pod_that_fits_nowhere_is_a_reason(
    api: Api, workload: Callable[..., Workload], namespace: str
) -> None:
    huge = workload(
        "huge",
        image=BUSYBOX,
        container={"resources": {"requests": {"memory": "1Pi"}}},
        wait=False,
    )
    async with followed(api, TargetSpec.parse(huge.target, namespace)) as views:
        view = await views.until(
            lambda view: view.skipped and "Insufficient" in view.skipped[0].reason
        )

    assert view.skipped[0].reason.startswith("is not scheduled: 0/1 nodes")


async def test_several_containers_want_a_name(
    api: Api, workload: Callable[..., Workload], namespace: str
) -> None:
    two = workload("two", image=BUSYBOX)
    manifest = two.manifest()
    (container,) = manifest["spec"]["template"]["spec"]["containers"]
    manifest["spec"]["template"]["spec"]["containers"].append(
        {**container, "name": "side"}
    )
    two.kube.apply(manifest)
    two.kube("rollout", "status", two.target, "--timeout=60s")

    async with followed(api, TargetSpec.parse(two.target, namespace)) as views:
        view = await views.until(lambda view: "app, side" in str(view.skipped))
    assert view.replicas == ()

    named = TargetSpec.parse(two.target, namespace, "side")
    async with followed(api, named) as views:
        view = await views.until(ready(1))
    assert view.replicas[0].container == "side"


@pytest.mark.parametrize(
    ("target", "elsewhere", "note"),
    [
        ("deployment/webb", "", 'deployment/webb does not exist in namespace "{}"'),
        ("deployment/web", "-gone", "that namespace does not exist"),
        ("pod/web", "", "pod/web does not exist"),
        ("app=nothing", "", "has the labels app=nothing; there is "),
    ],
)
async def test_why_nothing_matches(
    api: Api,
    workload: Callable[..., Workload],
    namespace: str,
    target: str,
    elsewhere: str,
    note: str,
) -> None:
    workload("web", image=BUSYBOX)
    spec = TargetSpec.parse(target, namespace + elsewhere)
    async with followed(api, spec) as views:
        view = await views.until(lambda _: True)

    assert note.format(namespace) in view.note
    assert view.replicas == ()


class Cable:
    """A way to the API server that can be pulled out."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._carried: list[anyio.CancelScope] = []
        self.is_in = True

    def pull(self) -> None:
        self.is_in = False
        for scope in self._carried:
            scope.cancel()

    async def carry(self, stream: SocketStream) -> None:
        async with stream:
            if not self.is_in:
                return
            async with (
                await anyio.connect_tcp(*self._to) as upstream,
                anyio.create_task_group() as tasks,
            ):
                self._carried.append(tasks.cancel_scope)
                tasks.start_soon(self._pump, upstream, stream)
                await self._pump(stream, upstream)
                tasks.cancel_scope.cancel()

    async def _pump(self, source: SocketStream, sink: SocketStream) -> None:
        try:
            async for chunk in source:
                await sink.send(chunk)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return


async def test_an_api_server_that_goes_and_comes_back_is_waited_for(
    kube: Kube, workload: Callable[..., Workload], namespace: str, tmp_path: Path
) -> None:
    web = workload("away", image=BUSYBOX)
    async with connect() as direct:
        host, _, port = direct.server.removeprefix("https://").partition(":")
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    server = f"https://{host}:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
    cable = Cable(host, int(port))
    kubeconfig = kube.kubeconfig(tmp_path / "kubeconfig", server=server)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, cable.carry)
        async with (
            connect(kubeconfig=kubeconfig) as api,
            followed(api, TargetSpec.parse(web.target, namespace)) as views,
        ):
            before = await views.until(ready(1))
            cable.pull()
            await kube.do("delete", "pod", *names(before), "--wait=false")
            await views.has_reported.wait()
            cable.is_in = True
            await views.until(
                lambda view: ready(1)(view) and names(view) != names(before)
            )
        tasks.cancel_scope.cancel()

    assert [event.name for event in views.reported] == ["api.lost", "api.back"]

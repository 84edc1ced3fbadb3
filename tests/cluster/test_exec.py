"""A process in a container, on a real cluster."""

from collections.abc import Callable
from dataclasses import replace

import anyio
import pytest

from syncd.cluster import (
    Api,
    CommandNotFound,
    ExecStream,
    Exit,
    NotRunning,
    Output,
    Replica,
    TargetSpec,
    View,
    follow,
    open_exec,
)
from syncd.cluster.channel import V4, V5
from syncd.errors import TargetError, TransportError
from tests.cluster.kube import BUSYBOX, Kube, Workload


pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def box(workload: Callable[..., Workload]) -> Workload:
    return workload("box", image=BUSYBOX)


@pytest.fixture
def replica(box: Workload, namespace: str) -> Replica:
    (pod,) = box.pods()
    return Replica(
        namespace=namespace,
        pod=pod["metadata"]["name"],
        uid=pod["metadata"]["uid"],
        container="app",
        container_id=pod["status"]["containerStatuses"][0]["containerID"],
        image=BUSYBOX,
        ready=True,
        restarts=0,
        node=pod["spec"]["nodeName"],
    )


async def written(stream: ExecStream, size: int | None = None) -> dict[int, bytes]:
    """What came on each channel, up to a size or the end; the code is channel 3."""
    channels = {1: b"", 2: b""}
    with anyio.fail_after(20):
        while size is None or len(channels[1]) < size:
            match await stream.receive():
                case Output(channel, data):
                    channels[channel] += data
                case Exit(code):
                    return {**channels, 3: bytes([code])}
    return channels


async def test_what_is_sent_comes_back(api: Api, replica: Replica) -> None:
    sent = bytes(range(256)) * 8192  # 2 MiB, so more than one message
    async with (
        open_exec(api, replica, ["cat"]) as stream,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(stream.send, sent)
        got = await written(stream, len(sent))

    assert got[1] == sent


async def test_the_best_protocol_of_both_is_spoken(api: Api, replica: Replica) -> None:
    async with open_exec(api, replica, ["cat"], protocols=(V4,)) as stream:
        assert stream.protocol == V4
        assert not await stream.close_stdin()
    async with open_exec(api, replica, ["cat"]) as stream:
        if stream.protocol == V5:
            assert await stream.close_stdin()
            assert (await written(stream))[3] == b"\0"


async def test_v5_alone_is_spoken_or_refused_in_words(
    api: Api, replica: Replica
) -> None:
    try:
        async with open_exec(api, replica, ["true"], protocols=(V5,)) as stream:
            assert stream.protocol == V5
    except TransportError as refused:
        assert "neither v5 nor v4" in str(refused)  # noqa: PT017 - either is right


async def test_output_errors_and_code_are_told_apart(
    api: Api, replica: Replica
) -> None:
    script = "echo out; echo err >&2; exit 7"
    async with open_exec(api, replica, ["sh", "-c", script], stdin=False) as stream:
        assert await written(stream) == {1: b"out\n", 2: b"err\n", 3: b"\7"}


async def test_a_terminal_has_the_size_it_is_told(api: Api, replica: Replica) -> None:
    script = "while read x; do stty size; done"
    seen = b""
    async with open_exec(api, replica, ["sh", "-c", script], tty=True) as stream:
        await stream.resize(101, 33)
        with anyio.fail_after(20):
            while b"33 101" not in seen:  # nothing says when the size has arrived
                await stream.send(b"\n")
                match await stream.receive():
                    case Output(1, data):
                        seen += data
                    case other:
                        raise AssertionError(other)


@pytest.mark.parametrize("command", ["no-such-program", "/no/such/program", "/tmp"])
async def test_a_program_that_is_not_there_is_named(
    api: Api, replica: Replica, command: str
) -> None:
    async with open_exec(api, replica, [command]) as stream:
        with pytest.raises(CommandNotFound, match=f'cannot run "{command}"'):
            await stream.receive()


async def test_a_container_that_is_not_there_is_the_targets_fault(
    api: Api, replica: Replica
) -> None:
    other = replace(replica, container="other")

    with pytest.raises(TargetError, match="container other is not valid"):
        async with open_exec(api, other, ["cat"]):
            pass


async def test_a_pod_that_is_gone_is_not_running(api: Api, replica: Replica) -> None:
    gone = replace(replica, pod="gone")

    with pytest.raises(NotRunning, match='pods "gone" not found'):
        async with open_exec(api, gone, ["cat"]):
            pass


async def test_a_container_that_dies_ends_its_streams_and_comes_back(
    api: Api, kube: Kube, workload: Callable[..., Workload], namespace: str
) -> None:
    mortal = workload("mortal", image=BUSYBOX)
    send, views = anyio.create_memory_object_stream[View](10)
    async with anyio.create_task_group() as tasks, views:
        spec = TargetSpec.parse(mortal.target, namespace)
        tasks.start_soon(follow, api, spec, send, lambda _: None)
        with anyio.fail_after(30):
            (before,) = (await views.receive()).replicas
            async with open_exec(api, before, ["cat"]) as stream:
                kill = ("exec", before.pod, "--", "kill", "-TERM", "1")
                await kube.do(*kill, check=False)  # it may die with what it kills
                assert (await written(stream))[3] == bytes([137])
            view = await views.receive()
            while not (view.replicas and view.replicas[0].ready):
                view = await views.receive()
        tasks.cancel_scope.cancel()

    (after,) = view.replicas
    assert after.pod == before.pod
    assert after.restarts == before.restarts + 1
    assert after.container_id != before.container_id

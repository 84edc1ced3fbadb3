"""A container's log and its port, on a real cluster."""

from collections.abc import Callable
from contextlib import aclosing
from functools import partial

import anyio
import pytest

from syncd.cluster import Api, NotRunning, Replica, follow_log, forward
from syncd.errors import SyncdError
from tests.cluster.kube import BUSYBOX, PYTHON, Workload


pytestmark = pytest.mark.cluster

SERVER = (
    "python3",
    "-u",
    "-c",
    """
import http.server, sys
print("first", flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("asked", self.path, flush=True)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"served " + self.path.encode())
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
""",
)


@pytest.fixture(scope="module")
def server(workload: Callable[..., Workload]) -> Workload:
    probe = {"tcpSocket": {"port": 8080}, "periodSeconds": 1}
    return workload(
        "server", image=PYTHON, command=SERVER, container={"readinessProbe": probe}
    )


def replica_of(server: Workload) -> Replica:
    (pod,) = server.pods()
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    return Replica(server.kube.namespace, name, uid, "app", "", PYTHON, True, 0, "")


async def get(port: int, path: str) -> bytes:
    answer = b""
    async with await anyio.connect_tcp("127.0.0.1", port) as connection:
        await connection.send(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        async for chunk in connection:
            answer += chunk
    return answer.partition(b"\r\n\r\n")[2]


async def test_a_port_is_forwarded_and_its_log_followed(
    api: Api, server: Workload
) -> None:
    replica = replica_of(server)
    errors: list[SyncdError] = []
    async with anyio.create_task_group() as tasks:
        forwarding = partial(
            forward, api, replica.namespace, replica.pod, 8080, on_error=errors.append
        )
        port = await tasks.start(forwarding)
        with anyio.fail_after(20):
            async with aclosing(follow_log(api, replica)) as lines:
                first = await anext(lines)
                assert first.text == b"first"
                assert await get(port, "/one") == b"served /one"
                assert await get(port, "/two") == b"served /two"
                assert (await anext(lines)).text == b"asked /one"
                last = await anext(lines)
        tasks.cancel_scope.cancel()

    assert errors == []
    since = [
        line.text
        async for line in follow_log(api, replica, since=last.time, follow=False)
    ]
    assert since[-1] == b"asked /two"
    assert b"first" not in since or first.time[:19] == last.time[:19]


async def test_a_port_that_nobody_listens_on_is_said(
    api: Api, server: Workload
) -> None:
    replica = replica_of(server)
    errors: list[SyncdError] = []
    async with anyio.create_task_group() as tasks:
        forwarding = partial(
            forward, api, replica.namespace, replica.pod, 9, on_error=errors.append
        )
        port = await tasks.start(forwarding)
        with anyio.fail_after(20):
            assert await get(port, "/") == b""
        tasks.cancel_scope.cancel()

    assert "refused" in str(errors[0])


async def test_a_container_that_has_not_begun_has_no_log(
    api: Api, workload: Callable[..., Workload], namespace: str
) -> None:
    workload("absent", image="localhost:5000/absent:dev", wait=False)
    gone = Replica(namespace, "gone", "", "app", "", BUSYBOX, True, 0, "")

    with pytest.raises(NotRunning, match='pods "gone" not found'):
        async for _ in follow_log(api, gone):
            pass

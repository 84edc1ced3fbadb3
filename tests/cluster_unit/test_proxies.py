from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketStream

from syncd.cluster import Unreachable
from tests.cluster_unit.connecting import PODS, connected, show_request
from tests.cluster_unit.server import (
    serving,
    write_kubeconfig,
)


@asynccontextmanager
async def proxying(refuse: bool = False) -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP proxy, and the CONNECT requests that it got."""
    asked: list[str] = []

    async def handle(stream: SocketStream) -> None:
        async with stream:
            head = await stream.receive()
            asked.append(head.split(b"\r\n")[0].decode())
            if refuse:
                await stream.send(b"HTTP/1.1 407 Who are you\r\n\r\n")
                return
            host, port = head.split()[1].decode().rsplit(":", 1)
            async with (
                await anyio.connect_tcp(host, int(port)) as upstream,
                anyio.create_task_group() as tasks,
            ):
                await stream.send(b"HTTP/1.1 200 OK\r\n\r\n")
                tasks.start_soon(pump, upstream, stream)
                await pump(stream, upstream)
                tasks.cancel_scope.cancel()

    async def pump(source: SocketStream, sink: SocketStream) -> None:
        try:
            async for chunk in source:
                await sink.send(chunk)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, handle)
        yield f"http://user:secret@127.0.0.1:{port}", asked
        tasks.cancel_scope.cancel()


async def test_the_proxy_of_the_kubeconfig_is_used(tmp_path: Path) -> None:
    async with serving(show_request) as url, proxying() as (proxy, asked):
        kubeconfig = write_kubeconfig(tmp_path, url, cluster={"proxy-url": proxy})
        async with connected(kubeconfig) as api:
            assert await api.get(PODS)

    assert asked == [f"CONNECT {url.removeprefix('https://')} HTTP/1.1"]


async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    tmp_path: Path,
) -> None:
    async with serving(show_request) as url, proxying() as (proxy, asked):
        environ = {"HTTPS_PROXY": proxy}
        async with connected(write_kubeconfig(tmp_path, url), environ=environ) as api:
            assert await api.get(PODS)

    assert asked == []


async def test_a_proxy_that_refuses_is_named_without_its_password(
    tmp_path: Path,
) -> None:
    async with proxying(refuse=True) as (proxy, _):
        kubeconfig = write_kubeconfig(
            tmp_path, "https://10.1.2.3:6443", cluster={"proxy-url": proxy}
        )
        async with connected(kubeconfig) as api:
            with pytest.raises(Unreachable, match="it answered 407") as refused:
                await api.get(PODS)

    assert proxy.replace("user:secret@", "") in str(refused.value)
    assert "secret" not in str(refused.value)

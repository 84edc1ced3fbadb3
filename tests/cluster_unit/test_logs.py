from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import web

from syncd.cluster import (
    ContainerLog,
    Forbidden,
    LogLine,
    NotRunning,
    Replica,
    Timing,
    Unreachable,
    connect,
    follow_log,
)
from syncd.cluster.api import Api
from tests.cluster_unit.server import Handler, serving, status, write_kubeconfig


WEB = Replica("shop", "web-0", "uid", "app", "containerd://1", "app:1", True, 0, "n1")
TIME = "2026-11-22T13:50:44.123456789Z"


@asynccontextmanager
async def served(tmp_path: Path, handler: Handler) -> AsyncIterator[Api]:
    async with serving(handler) as url:
        kubeconfig = write_kubeconfig(tmp_path, url)
        timing = Timing(request=5, connect=5)
        async with connect(kubeconfig=kubeconfig, timing=timing, environ={}) as api:
            yield api


async def log(request: web.BaseRequest) -> web.StreamResponse:
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(f"{TIME} one\n{TIME} t".encode())
    await response.write(b"wo \xff\n" + f"{TIME} \n{TIME} cut".encode())
    return response


async def test_lines_come_with_their_times(tmp_path: Path) -> None:
    async with served(tmp_path, log) as api:
        lines = [line async for line in follow_log(api, WEB)]

    assert lines == [
        LogLine(TIME, b"one"),
        LogLine(TIME, b"two \xff"),
        LogLine(TIME, b""),
    ]


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({}, {"follow": "true"}),
        ({"follow": False, "tail": 0}, {"tailLines": "0"}),
        ({"since": TIME}, {"follow": "true", "sinceTime": TIME}),
        ({"previous": True}, {"follow": "true", "previous": "true"}),
    ],
)
async def test_the_request_says_which_lines(
    tmp_path: Path, options: dict[str, Any], query: dict[str, str]
) -> None:
    asked: list[web.BaseRequest] = []

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request)
        return await log(request)

    async with served(tmp_path, handle) as api:
        async for _ in follow_log(api, WEB, **options):
            pass

    assert asked[0].path == "/api/v1/namespaces/shop/pods/web-0/log"
    assert dict(asked[0].query) == query | {"container": "app", "timestamps": "true"}


@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        ((400, 'container "app" in pod "web-0" is waiting to start'), NotRunning),
        ((404, 'pods "web-0" not found'), NotRunning),
        ((403, 'pods "web-0" is forbidden: '), Forbidden),
    ],
)
async def test_why_there_is_no_log(
    tmp_path: Path, refusal: tuple[int, str], error: type[Exception]
) -> None:
    async def handle(_request: web.BaseRequest) -> web.Response:
        return status(*refusal)

    async with served(tmp_path, handle) as api, aclosing(follow_log(api, WEB)) as lines:
        with pytest.raises(error):
            await anext(lines)


async def test_a_log_that_is_cut_is_said(tmp_path: Path) -> None:
    async def cut(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(f"{TIME} one\n".encode())
        await anyio.sleep(0.05)
        assert request.transport is not None
        request.transport.abort()
        return response

    async with served(tmp_path, cut) as api, aclosing(follow_log(api, WEB)) as lines:
        assert (await anext(lines)).text == b"one"
        with pytest.raises(Unreachable):
            await anext(lines)


class Kubelet:
    """Serves a log as a kubelet does: `sinceTime` counts in whole seconds."""

    def __init__(self, *lines: tuple[str, str]) -> None:
        self.lines = list(lines)
        self.asked: list[dict[str, str]] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer with what there is, and cut whoever follows."""
        self.asked.append(dict(request.query))
        since = request.query.get("sinceTime", "")[:19]
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        for time, text in self.lines:
            if time >= since:
                stamp = f"{time}000Z" if "." in time else time
                await response.write(f"{stamp} {text}\n".encode())
        if "follow" in request.query:
            await anyio.sleep(0.05)
            assert request.transport is not None
            request.transport.abort()
        return response


async def _read(lines: AsyncGenerator[LogLine, None]) -> list[str]:
    read = []
    async with aclosing(lines) as opened:
        with suppress(Unreachable):
            async for line in opened:
                read.append(line.text.decode())  # noqa: PERF401  # it may be cut
    return read


async def test_no_line_of_a_container_s_log_comes_twice(tmp_path: Path) -> None:
    kubelet = Kubelet(
        ("2026-11-22T13:50:43.900000", "a"),
        ("2026-11-22T13:50:44.100000", "b"),
        ("2026-11-22T13:50:44.100000", "b"),
    )
    async with served(tmp_path, kubelet.handle) as api:
        log = ContainerLog(api, WEB, tail=1000)
        history = await _read(log.history())
        kubelet.lines.append(("2026-11-22T13:50:44.100000", "b"))
        kubelet.lines.append(("2026-11-22T13:50:44.200000", "c"))
        first = await _read(log.follow())
        again = await _read(log.follow())
        kubelet.lines.append(("2026-11-22T13:50:46.000000", "d"))
        last = await _read(log.follow())

    assert history == ["a", "b", "b"]
    assert (first, again, last) == (["b", "c"], [], ["d"])
    assert kubelet.asked[0] == {
        "container": "app",
        "timestamps": "true",
        "tailLines": "1000",
    }
    assert kubelet.asked[1]["sinceTime"] == "2026-11-22T13:50:44Z"


async def test_the_log_of_a_container_s_next_life_is_read_from_its_start(
    tmp_path: Path,
) -> None:
    kubelet = Kubelet(("2026-11-22T13:50:44.1", "a"), ("2026-11-22T13:50:44.2", "b"))
    async with served(tmp_path, kubelet.handle) as api:
        log = ContainerLog(api, WEB, tail=1000)
        await _read(log.history())
        kubelet.lines = [("2026-11-22T13:50:44.9", "c")]
        started = await _read(log.follow())

    assert started == ["c"]


async def test_a_log_that_was_empty_is_followed_from_its_start(tmp_path: Path) -> None:
    kubelet = Kubelet()
    async with served(tmp_path, kubelet.handle) as api:
        log = ContainerLog(api, WEB, tail=1000)
        await _read(log.history())
        kubelet.lines = [("2026-11-22T13:50:44.1", "a")]
        read = await _read(log.follow())

    assert read == ["a"]
    assert "sinceTime" not in kubelet.asked[1]

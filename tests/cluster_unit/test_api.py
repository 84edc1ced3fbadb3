import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from aiohttp import web

from syncd.cluster import Api, Refused, Timing, connect
from syncd.cluster.failures import Answer, NotFound, Unreachable
from syncd.cluster.retry import ATTEMPTS, backoff, pause_before_retry
from syncd.cluster.watching import Changed, Gone, Listed
from syncd.events import Event
from tests.cluster_unit.server import Handler, answer, serving, status, write_kubeconfig


WEB = "/apis/apps/v1/namespaces/shop/deployments/web"
PODS = "/api/v1/namespaces/shop/pods"
QUICK = Timing(request=5, connect=5, watch_idle=0.2, retry_first=0.001, retry_most=0.01)


@asynccontextmanager
async def served(tmp_path: Path, handler: Handler) -> AsyncIterator[Api]:
    async with serving(handler) as url:
        kubeconfig = write_kubeconfig(tmp_path, url)
        async with connect(kubeconfig=kubeconfig, timing=QUICK, environ={}) as api:
            yield api


async def mirror(request: web.BaseRequest) -> web.Response:
    return answer(
        {
            "method": request.method,
            "type": request.headers.get("Content-Type"),
            "query": dict(request.query),
            "body": json.loads(await request.read() or b"null"),
        }
    )


@pytest.mark.parametrize(
    ("kind", "content_type"),
    [
        ("json", "application/json-patch+json"),
        ("merge", "application/merge-patch+json"),
        ("strategic", "application/strategic-merge-patch+json"),
    ],
)
async def test_a_patch_says_how_it_is_meant(
    tmp_path: Path, kind: str, content_type: str
) -> None:
    async with served(tmp_path, mirror) as api:
        seen = await api.patch(WEB, {"a": 1}, kind=kind, dryRun="All")  # type: ignore[arg-type]  # one of them

    assert seen == {
        "method": "PATCH",
        "type": content_type,
        "query": {"dryRun": "All"},
        "body": {"a": 1},
    }


@pytest.mark.parametrize("force", [True, False])
async def test_an_apply_has_a_manager_and_may_be_forced(
    tmp_path: Path, force: bool
) -> None:
    async with served(tmp_path, mirror) as api:
        seen = await api.apply(WEB, {"kind": "Deployment"}, force=force)

    assert seen["type"] == "application/apply-patch+yaml"
    assert seen["query"] == {"fieldManager": "syncd", "force": str(force).lower()}


async def test_an_object_is_created_and_deleted(tmp_path: Path) -> None:
    async with served(tmp_path, mirror) as api:
        created = await api.create(PODS, {"kind": "Pod"})
        deleted = await api.delete(f"{PODS}/a", gracePeriodSeconds=0)

    assert (created["method"], created["type"]) == ("POST", "application/json")
    assert (deleted["method"], deleted["query"]) == (
        "DELETE",
        {"gracePeriodSeconds": "0"},
    )


async def test_what_does_not_exist_is_an_error(tmp_path: Path) -> None:
    async def missing(_request: web.BaseRequest) -> web.Response:
        return status(404, 'pods "a" not found', "NotFound")

    async with served(tmp_path, missing) as api:
        with pytest.raises(NotFound, match='pods "a" not found'):
            await api.get(f"{PODS}/a")


def failing(*answers: web.Response) -> tuple[Handler, list[str]]:
    """A server that gives those answers first, and what it was asked."""
    left, asked = list(answers), list[str]()

    async def handle(request: web.BaseRequest) -> web.Response:
        asked.append(request.method)
        return left.pop(0) if left else answer({"ok": True})

    return handle, asked


async def test_a_busy_server_is_asked_again(tmp_path: Path) -> None:
    busy = answer({"message": "busy"}, 429, Retry_After="0")
    handler, asked = failing(busy, answer({}, 503))
    async with served(tmp_path, handler) as api:
        assert await api.get(PODS) == {"ok": True}

    assert len(asked) == 3


async def test_a_server_that_stays_busy_is_given_up(tmp_path: Path) -> None:
    handler, asked = failing(*[answer({"message": "down"}, 503) for _ in range(9)])
    async with served(tmp_path, handler) as api:
        with pytest.raises(Refused, match="down") as refused:
            await api.get(PODS)

    assert refused.value.status == 503
    assert len(asked) == ATTEMPTS


async def test_what_may_have_been_done_is_not_done_again(tmp_path: Path) -> None:
    handler, asked = failing(answer({"message": "down"}, 503))
    async with served(tmp_path, handler) as api:
        with pytest.raises(Refused):
            await api.create(PODS, {})

    assert asked == ["POST"]


def pause(method: str, code: int, after: str | None = None, attempt: int = 1) -> object:
    headers = {} if after is None else {"Retry-After": after}
    return pause_before_retry(method, Answer(code, headers, b""), attempt, Timing())


@pytest.mark.parametrize(
    ("method", "code", "after"),
    [
        ("GET", 429, None),
        ("GET", 429, "0"),
        ("PATCH", 429, "0"),
        ("GET", 500, "0"),
        ("GET", 503, None),
        ("DELETE", 504, None),
        ("PUT", 502, None),
    ],
)
def test_what_is_asked_again(method: str, code: int, after: str | None) -> None:
    found = pause(method, code, after)

    assert isinstance(found, float)
    assert 0.05 <= found <= 0.15


@pytest.mark.parametrize(
    ("method", "code", "after"),
    [
        ("GET", 500, None),
        ("GET", 404, "1"),
        ("POST", 503, "1"),
        ("PATCH", 429, None),
        ("GET", 503, "11"),
        ("GET", 409, None),
    ],
)
def test_what_is_not_asked_again(method: str, code: int, after: str | None) -> None:
    assert pause(method, code, after) is None


def test_the_servers_pause_is_kept_to() -> None:
    assert pause("GET", 503, "2") == 2.0


@pytest.mark.parametrize("after", ["soon", "-1", "1.5", "Sun, 22 Nov 2026 13:50 GMT"])
def test_a_pause_that_is_no_number_is_ours(after: str) -> None:
    found = pause("GET", 503, after)

    assert isinstance(found, float)
    assert found < 1


def test_pauses_double_up_to_the_longest() -> None:
    timing = Timing(retry_first=0.1, retry_most=5)

    for attempt, expected in ((1, 0.1), (2, 0.2), (4, 0.8), (10, 5), (10_000, 5)):
        assert 0.5 * expected <= backoff(attempt, timing) <= 1.5 * expected


# --- watching a real server -----------------------------------------------------------


def line(kind: str, version: int) -> bytes:
    thing = {"metadata": {"name": "a", "resourceVersion": str(version)}}
    return json.dumps({"type": kind, "object": thing}).encode() + b"\n"


class Watched:
    """A server whose watches do one thing after the other."""

    def __init__(self, *scripts: str) -> None:
        self.scripts = list(scripts)
        self.versions: list[str] = []

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if "watch" not in request.query:
            return answer({"metadata": {"resourceVersion": "5"}, "items": []})
        self.versions.append(request.query["resourceVersion"])
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        number = len(self.versions)
        await response.write(line("ADDED", 10 * number))
        match self.scripts.pop(0) if self.scripts else "stay":
            case "cut":
                await response.write(line("MODIFIED", 10 * number + 1)[:30])
                assert request.transport is not None
                request.transport.abort()
            case "stay":
                await anyio.sleep_forever()
            case _:
                await response.write_eof()
        return response


async def versions(
    tmp_path: Path, *scripts: str, most: int
) -> tuple[Watched, list[int]]:
    server, seen, reported = Watched(*scripts), list[int](), list[Event]()
    async with served(tmp_path, server.handle) as api:
        with anyio.fail_after(5):
            async for event in api.watch(PODS, reported.append, labelSelector="a=b"):
                match event:
                    case Listed():
                        seen.append(0)
                    case Changed(thing):
                        seen.append(int(thing["metadata"]["resourceVersion"]))
                    case Gone():
                        raise AssertionError
                if len(seen) == most:
                    break
    assert reported == []
    return server, seen


async def test_a_body_that_is_cut_in_the_middle_is_resumed(tmp_path: Path) -> None:
    server, seen = await versions(tmp_path, "cut", "cut", most=4)

    assert seen == [0, 10, 20, 30]
    assert server.versions == ["5", "10", "20"]


async def test_a_body_that_ends_is_resumed(tmp_path: Path) -> None:
    server, _ = await versions(tmp_path, "end", "end", most=4)

    assert server.versions == ["5", "10", "20"]


async def test_a_silent_body_is_resumed(tmp_path: Path) -> None:
    server, _ = await versions(tmp_path, "stay", "stay", most=4)

    assert server.versions == ["5", "10", "20"]


async def test_a_body_that_is_not_begun_is_given_up(tmp_path: Path) -> None:
    async def silent(_request: web.BaseRequest) -> web.Response:
        await anyio.sleep_forever()
        raise AssertionError

    async with serving(silent) as url:
        kubeconfig = write_kubeconfig(tmp_path, url)
        async with connect(
            kubeconfig=kubeconfig, timing=Timing(connect=0.1), environ={}
        ) as api:
            with pytest.raises(Unreachable, match="no answer in time"):
                async with api.stream(PODS):
                    pass

"""Watches over HTTP: what comes, in which order, and how they end."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from syncd.loopback.api import watching
from syncd.loopback.dialect import Dialect
from tests.loopback.manifests import config
from tests.loopback.plane import Client, Plane, running


MAPS = "/api/v1/namespaces/default/configmaps?watch=1"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


@pytest.fixture(params=Dialect, ids=str)
async def plane(request: Any, tmp_path: Path) -> AsyncIterator[Plane]:
    async with running(tmp_path, request.param) as plane:
        yield plane


@pytest.fixture
async def client(plane: Plane) -> AsyncIterator[Client]:
    async with plane.client() as client:
        yield client


class Lines:
    """The events of a watch, one at a time."""

    def __init__(self, body: aiohttp.StreamReader) -> None:
        self._body = body

    async def next(self) -> dict[str, Any]:
        with anyio.fail_after(5):
            line: dict[str, Any] = json.loads(await self._body.readline())
        return line

    async def rest(self) -> list[dict[str, Any]]:
        with anyio.fail_after(5):
            return [json.loads(line) async for line in self._body]


@asynccontextmanager
async def watching_(client: Client, path: str, **headers: str) -> AsyncIterator[Lines]:
    async with client.session.get(path, headers=headers) as response:
        assert response.status == 200
        assert response.headers["Transfer-Encoding"] == "chunked"
        yield Lines(response.content)


def seen(line: dict[str, Any]) -> tuple[str, str]:
    return line["type"], line["object"]["metadata"].get("name", "")


async def test_what_is_there_comes_first_and_then_every_change(
    plane: Plane, client: Client
) -> None:
    plane.create(config("a"))
    async with watching_(client, MAPS) as lines:
        first = [seen(await lines.next()) for _ in range(2)]
        made = plane.create(config("b"))
        plane.context.update({**made, "data": {"x": "1"}})
        plane.context.delete(made)
        then = [seen(await lines.next()) for _ in range(3)]

    assert first == [("ADDED", "a"), ("ADDED", "kube-root-ca.crt")]
    assert then == [("ADDED", "b"), ("MODIFIED", "b"), ("DELETED", "b")]


async def test_a_watch_goes_on_where_a_list_ended(plane: Plane, client: Client) -> None:
    listed = (await client.send("GET", MAPS.partition("?")[0])).json
    plane.create(config("a"))
    version = listed["metadata"]["resourceVersion"]
    async with watching_(client, f"{MAPS}&resourceVersion={version}") as lines:
        assert seen(await lines.next()) == ("ADDED", "a")


async def test_a_deleted_object_comes_with_the_version_of_its_deletion(
    plane: Plane, client: Client
) -> None:
    made = plane.create(config("a"))
    async with watching_(client, MAPS) as lines:
        for _ in range(2):
            await lines.next()
        plane.context.delete(made)
        line = await lines.next()

    version = line["object"]["metadata"]["resourceVersion"]
    assert int(version) > int(made["metadata"]["resourceVersion"])


async def test_objects_enter_and_leave_a_selection(
    plane: Plane, client: Client
) -> None:
    made = plane.create(config("a"))
    labelled = {**made, "metadata": {**made["metadata"], "labels": {"x": "y"}}}
    async with watching_(client, f"{MAPS}&labelSelector=x%3Dy") as lines:
        now = plane.context.update(labelled)
        now = plane.context.update({**now, "data": {"k": "v"}})
        plane.context.update({**now, "metadata": {**now["metadata"], "labels": {}}})
        types = [(await lines.next())["type"] for _ in range(3)]

    assert types == ["ADDED", "MODIFIED", "DELETED"]


async def test_a_watch_ends_cleanly_at_its_time(client: Client) -> None:
    async with watching_(client, f"{MAPS}&timeoutSeconds=1") as lines:
        events = await lines.rest()

    assert [seen(line) for line in events] == [("ADDED", "kube-root-ca.crt")]


async def test_bookmarks_come_to_those_who_take_them(
    client: Client, plane: Plane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_BOOKMARK_S", 0.1)
    path = f"{MAPS}&timeoutSeconds=3&resourceVersion={plane.store.revision}"
    async with watching_(client, f"{path}&allowWatchBookmarks=true") as lines:
        first, second = await lines.next(), await lines.next()

    assert {first["type"], second["type"]} == {"BOOKMARK"}
    metadata = first["object"]["metadata"]
    assert metadata["resourceVersion"] == str(plane.store.revision)
    assert ("creationTimestamp" in metadata) is not plane.context.dialect.modern


async def test_an_old_version_is_an_error_event_in_a_200(
    plane: Plane, client: Client
) -> None:
    plane.faults.compact()
    async with watching_(client, f"{MAPS}&resourceVersion=2") as lines:
        (line,) = await lines.rest()

    assert line["type"] == "ERROR"
    assert (line["object"]["code"], line["object"]["reason"]) == (410, "Expired")
    assert line["object"]["message"].startswith("too old resource version: 2 (")


async def test_running_watches_can_be_expired(plane: Plane, client: Client) -> None:
    async with watching_(client, MAPS) as lines:
        await lines.next()
        assert plane.faults.expire_watches() == 1
        (line,) = await lines.rest()

    assert (line["type"], line["object"]["code"]) == ("ERROR", 410)


async def test_a_slow_reader_costs_history_and_not_memory(
    plane: Plane, client: Client
) -> None:
    made = plane.create(config("a"))
    async with watching_(client, MAPS) as lines:
        for number in range(2500):  # more than the history holds, in one breath
            made = plane.context.store.replace(
                plane.context.place(made).resource, {**made, "data": {"n": str(number)}}
            )
        events = await lines.rest()

    assert events[-1]["object"]["code"] == 410


async def test_a_table_says_its_columns_once(plane: Plane, client: Client) -> None:
    async with watching_(client, MAPS, Accept=TABLE) as lines:
        first = (await lines.next())["object"]
        plane.create(config("b"))
        second = (await lines.next())["object"]

    assert [c["name"] for c in first["columnDefinitions"]] == ["Name", "Data", "Age"]
    assert second["columnDefinitions"] == []
    assert second["rows"][0]["cells"][0] == "b"


async def test_the_watch_of_a_client_that_went_ends(
    plane: Plane, client: Client
) -> None:
    async with watching_(client, MAPS) as lines:
        await lines.next()
    with anyio.fail_after(5):
        while plane.faults._watches:
            await anyio.lowlevel.checkpoint()

"""What goes wrong on purpose, as a client sees it."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import anyio
import pytest

from syncd.loopback.api.request import Target
from tests.loopback.manifests import config
from tests.loopback.plane import Client, Plane, running


PODS = "/api/v1/namespaces/default/pods"
MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
async def plane(tmp_path: Path) -> AsyncIterator[Plane]:
    async with running(tmp_path) as plane:
        yield plane


@pytest.fixture
async def client(plane: Plane) -> AsyncIterator[Client]:
    async with plane.client() as client:
        yield client


def on_pods(target: Target) -> bool:
    return target.plural == "pods"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (401, "Unauthorized"),
        (403, "Forbidden"),
        (410, "Expired"),
        (429, "TooManyRequests"),
        (500, "InternalError"),
        (503, "ServiceUnavailable"),
    ],
)
async def test_requests_are_refused_with_a_status(
    plane: Plane, client: Client, code: int, reason: str
) -> None:
    plane.faults.refuse(code)
    answer = await client.send("GET", PODS)

    assert (answer.code, answer.json["reason"]) == (code, reason)


async def test_a_rule_ends_after_so_many_requests_or_when_stopped(
    plane: Plane, client: Client
) -> None:
    twice = plane.faults.refuse(500, times=2)
    codes = [(await client.send("GET", PODS)).code for _ in range(3)]
    rule = plane.faults.refuse(503)
    codes.append((await client.send("GET", PODS)).code)
    rule.stop()
    codes.append((await client.send("GET", PODS)).code)

    assert codes == [500, 500, 200, 503, 200]
    assert (twice.met, rule.met) == (2, 1)


async def test_a_rule_can_be_for_some_requests_only(
    plane: Plane, client: Client
) -> None:
    plane.faults.refuse(403, only=on_pods)

    assert (await client.send("GET", PODS)).code == 403
    assert (await client.send("GET", MAPS)).code == 200


async def test_a_busy_server_says_when_to_come_back(
    plane: Plane, client: Client
) -> None:
    plane.faults.refuse(429, retry_after_s=7)
    answer = await client.send("GET", PODS)

    assert answer.headers["Retry-After"] == "7"
    assert answer.json["details"]["retryAfterSeconds"] == 7


async def test_a_slow_server_is_slow(plane: Plane, client: Client) -> None:
    plane.faults.slow(30, only=on_pods)
    with anyio.move_on_after(0.1) as scope:
        await client.send("GET", PODS)
    answer = await client.send("GET", MAPS)

    assert scope.cancelled_caught
    assert answer.code == 200


async def test_every_token_can_expire_at_once(plane: Plane, client: Client) -> None:
    plane.faults.expire_tokens()
    expired = await client.send("GET", PODS)
    async with plane.client() as renewed:
        again = await renewed.send("GET", PODS)

    assert (expired.code, again.code) == (401, 200)


async def test_the_server_goes_and_comes_back_with_objects_and_no_history(
    plane: Plane, client: Client
) -> None:
    before = plane.store.revision
    plane.create(config("a"))
    async with client.session.get(f"{MAPS}?watch=1") as watch:
        await watch.content.readline()
        await plane.faults.kill_server()
        with pytest.raises(aiohttp.ClientError):
            await watch.content.read()
    with pytest.raises(aiohttp.ClientConnectorError):
        await client.send("GET", PODS)
    await plane.faults.revive_server()
    answer = await client.send("GET", f"{MAPS}/a")
    watched = await client.send("GET", f"{MAPS}?watch=1&resourceVersion={before}")

    assert answer.code == 200
    assert (watched.json["type"], watched.json["object"]["code"]) == ("ERROR", 410)

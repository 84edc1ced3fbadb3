"""Logs of containers, as `kubectl logs` asks for them; and the questions of probes."""

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
import trustme

from syncd.loopback.kubelet import probes

from .lab import WAIT_S, Lab, open_lab


SAY = "for i in 1 2 3 4; do echo line $i; done; sleep 9"


async def fetch(lab: Lab, query: str) -> list[str]:
    """The lines that come, or the message of the refusal."""
    async with asked(lab, query) as answer:
        if answer.status != 200:
            return [(await answer.json())["message"]]
        return (await answer.text()).splitlines()


@asynccontextmanager
async def asked(lab: Lab, query: str) -> AsyncIterator[aiohttp.ClientResponse]:
    url = f"http://127.0.0.1:{lab.port}/pods/app/log?{query}"
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        yield answer


ALL = ["line 1", "line 2", "line 3", "line 4"]
QUERIES = {
    "": ALL,
    "tailLines=2": ["line 3", "line 4"],
    "tailLines=0": [],
    "tailLines=99": ALL,
    "limitBytes=9": ["line 1", "li"],
    "sinceSeconds=3600&tailLines=1": ["line 4"],
    "sinceTime=2099-01-01T00:00:00Z": [],
    "container=c&tailLines=1": ["line 4"],
    "container=x": ["container x is not valid for pod app"],
    "previous=true": ['previous terminated container "c" in pod "app" not found'],
    "tailLines=x": ['strconv.ParseInt: parsing "x": invalid syntax'],
}


async def test_what_is_asked_for_is_what_comes(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        uid = await lab.run("app", "sh", "-c", SAY)
        await lab.logged(uid, "line 4")
        found = {query: await fetch(lab, query) for query in QUERIES}
        (stamped,) = await fetch(lab, "timestamps=true&tailLines=1")

    assert found == QUERIES
    assert re.fullmatch(r"20\d\d-[-0-9T:]+\.\d{9}Z line 4", stamped)


async def test_a_container_that_waits_is_said_to(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        entry = {"name": "c", "image": "absent"}
        uid = lab.add("app", {"containers": [entry]})
        await lab.until(uid, lambda status: "podIP" in status)
        waiting = await fetch(lab, "")
        lab.add("app", {"containers": [entry]}, bound=False)
        unbound = await fetch(lab, "")

    trouble = "waiting to start: trying and failing to pull image"
    assert waiting == [f'container "c" in pod "app" is {trouble}']
    assert unbound == []


async def test_a_followed_log_ends_with_its_container_and_the_next_has_its_own(
    tmp_path: Path,
) -> None:
    async with open_lab(tmp_path) as lab:
        uid = await lab.run("app", "sh", "-c", "echo one; read x", stdin=True)
        followed: list[bytes] = []
        async with asked(lab, "follow=true") as answer:
            followed.append(await answer.content.readline())
            stdin = lab.container(uid).stdin
            assert stdin is not None
            await stdin.put(b"go\n")
            with anyio.fail_after(WAIT_S):
                followed.append(await answer.content.read())
        await lab.until(uid, lambda s: s["containerStatuses"][0]["restartCount"] == 1)
        await lab.logged(uid, "one")
        now, before = await fetch(lab, ""), await fetch(lab, "previous=true")

    assert followed == [b"one\n", b""]
    assert (now, before) == (["one"], ["one"])


async def test_a_follower_without_a_tail_gets_only_what_is_new(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        uid = await lab.run("app", "sh", "-c", "echo old; read x; echo $x", stdin=True)
        await lab.logged(uid, "old")
        async with asked(lab, "follow=true&tailLines=0") as answer:
            stdin = lab.container(uid).stdin
            assert stdin is not None
            await stdin.put(b"new\n")
            with anyio.fail_after(WAIT_S):
                text = await answer.text()

    assert text == "new\n"


async def test_a_follower_that_goes_is_no_trouble(tmp_path: Path) -> None:
    loop = "while :; do echo tick; sleep 0.01; done"
    async with open_lab(tmp_path) as lab:
        await lab.run("app", "sh", "-c", loop)
        async with asked(lab, "follow=true") as answer:
            line = await answer.content.readline()

    assert line == b"tick\n"


async def no_command(_: list[str]) -> tuple[int, bytes]:
    raise AssertionError("no command was to be run")


async def ask(probe: dict[str, Any], port: int) -> str | None:
    return await probes.ask(
        probe, host="127.0.0.1", ports={"web": port}, run=no_command
    )


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        (b"HTTP/1.1 204 No Content\r\n\r\n", None),
        (b"HTTP/1.1 302 Found\r\n\r\n", None),
        (b"HTTP/1.1 500 Oh\r\n\r\n", "HTTP probe failed with statuscode: 500"),
        (b"", 'Get "http://127.0.0.1:PORT/x": EOF'),
        (b"nonsense\r\n", 'Get "http://127.0.0.1:PORT/x": EOF'),
    ],
)
async def test_http_probes(answer: bytes, verdict: str | None) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        said = await ask({"httpGet": {"path": "/x", "port": "web"}}, port)

    assert said == (verdict and verdict.replace("PORT", str(port)))


async def test_a_probe_by_https_trusts_anybody() -> None:
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("elsewhere.test").configure_cert(theirs)
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=theirs)
    port = server.sockets[0].getsockname()[1]
    action = {
        "scheme": "HTTPS",
        "port": port,
        "httpHeaders": [{"name": "X-A", "value": "b"}],
    }
    async with server:
        said = await ask({"httpGet": action}, port)

    assert said is None
    assert b"GET / HTTP/1.1\r\n" in seen[0]
    assert b"X-A: b\r\n" in seen[0]


async def test_a_probe_of_nobody_and_one_that_takes_too_long() -> None:
    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(keep, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        slow = {"httpGet": {"port": port}, "timeoutSeconds": 0.05}
        late = await ask(slow, port)
        open_ = await ask({"tcpSocket": {"port": port}}, port)
    refused = await ask({"tcpSocket": {"port": "web"}}, port)
    unanswered = await ask({"httpGet": {"port": port}}, port)

    assert late is not None
    assert "context deadline exceeded" in late
    assert open_ is None
    assert refused == f"dial tcp 127.0.0.1:{port}: connect: connection refused"
    assert unanswered is not None
    assert unanswered.endswith("connection refused")

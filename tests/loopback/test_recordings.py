"""The embedded cluster's streams, held to those of real clusters, case by case.

Each recorded client is played again, frame by frame; the server must answer as the
real one did, but for ids, times, and where one message is cut into two.
"""

import asyncio
import base64
import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
import pytest_asyncio

from syncd.loopback.dialect import Dialect
from syncd.loopback.image import Image

from .lab import BUSYBOX, SWIFT, Lab, open_lab
from .rawclient import Talk, talk


# What has crashed twice stays down for as long as it is talked to.
DOWN = replace(SWIFT, crash_backoff_s=300.0, crash_backoff_cap_s=300.0)
pytestmark = pytest.mark.asyncio(loop_scope="module")

RECORDINGS = Path(__file__).parents[1] / "recordings" / "loopback"

# What the embedded cluster does otherwise, and why. The list is that of
# docs/decisions/0005-pods-as-processes.md.
TTY_RACE = "what a process that ends at once wrote to its terminal is never lost here"
KNOWN = {
    (Dialect.V1_20, "frames: tty with stderr [v4]"): TTY_RACE,
    (Dialect.V1_20, "frames: tty no stderr [v4]"): TTY_RACE,
    (Dialect.V1_36, "frames: tty no stderr [v4]"): TTY_RACE,
}


def recorded(dialect: Dialect) -> dict[str, Any]:
    name = f"streams-{dialect.value.removeprefix('v')}.json"
    found: dict[str, Any] = json.loads((RECORDINGS / name).read_text())
    return found


def cases() -> Iterator[Any]:
    for dialect in Dialect:
        for name, case in recorded(dialect).items():
            why = KNOWN.get((dialect, name))
            marks = [pytest.mark.xfail(reason=why, strict=True)] if why else []
            label = f"{dialect.value} {name}"
            yield pytest.param(label, case, id=label, marks=marks)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of each case, by its id; they are played side by side, some at a time."""
    found: dict[str, Any] = {}
    some = anyio.CapacityLimiter(8)

    async def play_one(lab: Lab, dialect: Dialect, name: str, case: Any) -> None:
        async with some:
            try:
                found[f"{dialect.value} {name}"] = await played(lab, case)
            except (AssertionError, OSError, TimeoutError) as error:
                found[f"{dialect.value} {name}"] = error

    folder = tmp_path_factory.mktemp("labs")
    for dialect in Dialect:
        async with open_lab(folder / dialect.value, dialect, pace=DOWN) as lab:
            await furnish(lab)
            async with anyio.create_task_group() as tasks:
                for name, case in recorded(dialect).items():
                    tasks.start_soon(play_one, lab, dialect, name, case)
    return found


async def furnish(lab: Lab) -> None:
    """Make the Pods that the recordings speak of."""
    wait = ("sh", "-c", "while :; do sleep 9; done")
    await lab.run("box", *wait)
    lab.images["root"] = Image("root", workdir="/")
    limits = {"limits": {"memory": "64Mi"}}
    await lab.run("oom", *wait, image="root", resources=limits)
    two = [{"name": n, "image": "box", "command": list(wait)} for n in "ab"]
    uid = lab.add("two", {"containers": two})
    await lab.until(uid, lambda status: status["phase"] == "Running")
    pending = lab.add("pending", {"containers": [{"name": "c", "image": "absent"}]})
    await lab.until(pending, lambda status: "podIP" in status)
    lab.add("unsched", {"containers": [{"name": "c", "image": "box"}]}, bound=False)
    for name, policy, code in (("crash", "Always", 4), ("done", "Never", 0)):
        command = ["sh", "-c", f"exit {code}"]
        entry = {"name": "c", "image": "box", "command": command}
        spec = {"restartPolicy": policy, "containers": [entry]}
        uid = lab.add(name, spec)
        await lab.until(uid, is_down)


def is_down(status: dict[str, Any]) -> bool:
    state = status["containerStatuses"][0]
    again = "terminated" in state["state"] and state["lastState"]
    return bool(again) or status["phase"] == "Succeeded"


@pytest.mark.parametrize(("name", "case"), list(cases()))
async def test_the_embedded_cluster_answers_as_the_real_one_did(
    outcomes: dict[str, Any], name: str, case: dict[str, Any]
) -> None:
    if needs_busybox(case) and BUSYBOX != "busybox":
        pytest.skip("no busybox on this machine")
    outcome = outcomes[name]
    if isinstance(outcome, Exception):
        raise outcome
    got, expected = outcome

    assert got == expected


async def played(lab: Lab, case: dict[str, Any]) -> tuple[Any, Any]:
    """Play a case; return what counts of the answer, ours and the recorded one."""
    async with backend(lab, case) as here:
        method, path, headers = here["request"]
        head = [(name, value) for name, value in headers]
        async with talk(lab.port, path, head, method=method) as server:
            if server.upgraded and here["frames"]:
                await play(server, here["frames"])
            got = shown_head(server, here), shape(server.frames)
            return got, (recorded_head(here), shape(wanted(here["frames"])))


@asynccontextmanager
async def backend(lab: Lab, case: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
    """Serve what the recorded program did, and put our ports for the recorded ones."""
    path = case["request"][1]
    if "/portforward" not in path:
        yield case
        return
    uid = lab.pods["box"]["metadata"]["uid"]
    host = lab.node.address(uid) or ""
    answer = shape(wanted(case["frames"]))["channels"].get(0, b"")[2:]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(100):
            writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, host, 0)
    with socket.create_server((host, 0)) as closed:
        ports = (server.sockets[0].getsockname()[1], closed.getsockname()[1])
    text = json.dumps(case)
    for old, new in zip((8080, 8081), ports, strict=True):
        text = text.replace(str(old), str(new)).replace(as_hex(old), as_hex(new))
        text = text.replace(f"{old}".encode().hex(), f"{new}".encode().hex())
    text = text.replace("306b42383d", coded("0", ports[0]))
    text = text.replace("316b42383d", coded("1", ports[0]))
    async with server:
        yield json.loads(text)


def as_hex(port: int) -> str:
    return port.to_bytes(2, "little").hex()


def coded(channel: str, port: int) -> str:
    """A port's first frame in base64, as hexadecimal digits."""
    return (channel.encode() + base64.b64encode(port.to_bytes(2, "little"))).hex()


def shown_head(server: Talk, case: dict[str, Any]) -> Any:
    ours = {"Date", "Server", "Sec-WebSocket-Accept"}
    headers = {k: v for k, v in server.headers.items() if k not in ours}
    if isinstance(case.get("body"), dict):
        return server.status, json.loads(
            server.body
        )  # its headers are the API server's
    return server.status, headers, server.body.decode()


def recorded_head(case: dict[str, Any]) -> Any:
    body = case.get("body", "")
    if isinstance(body, dict):
        return case["status"], body
    return case["status"], case["headers"], body


async def play(server: Talk, frames: list[Any]) -> None:
    """Say what the recorded client said, each thing as late as it did."""
    before: list[Any] = []
    for frame in frames:
        match frame:
            case ["c", kind, payload, *flags]:
                await arrived(server, before)
                for data in messages(payload):
                    server.send(
                        kind, data, final="more" not in flags, mask="bare" not in flags
                    )
            case ["quiet"]:
                await arrived(server, before)
                assert await server.is_quiet()
            case ["s", "eof"]:
                await server.rest()
            case _:
                before.append(frame)


async def arrived(server: Talk, recorded: list[Any]) -> None:
    """Wait for as much as the recorded client had seen by then."""
    want = shape(wanted(recorded))
    with anyio.fail_after(10):
        while True:
            got = shape(server.frames)
            if server.ended or all(
                channel in got["channels"]
                and len(got["channels"][channel]) >= len(text)
                for channel, text in want["channels"].items()
            ):
                break
            await server.next()


def messages(payload: Any) -> list[bytes]:
    if isinstance(payload, str):
        return [bytes.fromhex(payload)]
    rest = bytes.fromhex(payload["then"]) * (payload["length"] - 1)
    return [bytes.fromhex(payload["first"]) + rest] * payload.get("times", 1)


def wanted(frames: list[Any]) -> list[tuple[str, bytes]]:
    """The server's part of a recording."""
    return [
        (frame[1], bytes.fromhex(frame[2]) if len(frame) > 2 else b"")
        for frame in frames
        if frame[0] == "s"
    ]


def shape(frames: list[tuple[str, bytes]]) -> dict[str, Any]:
    """What counts of a server's frames: the first, each channel's bytes, the order."""
    channels: dict[int, bytes] = {}
    order: list[str] = []
    for kind, data in frames:
        what = kind if kind in ("eof", "reset") else f"{kind} {data.hex()}"
        if kind in ("binary", "text"):
            channel = data[0] if kind == "binary" else data[0] - ord("0")
            text = data[1:] if kind == "binary" else base64.b64decode(data[1:])
            channels[channel] = channels.get(channel, b"") + text
            what = "status" if channel == 3 and text else "data"
        if not order or order[-1] != what:
            order.append(what)
    return {
        "first": frames[:1],
        "channels": {key: plain(text) for key, text in channels.items()},
        "order": order,
    }


def plain(text: bytes) -> bytes:
    """Without what is another each time."""
    text = re.sub(rb"[0-9a-f]{64}", b"ID", text)
    text = re.sub(rb"cni-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", b"cni-ID", text)
    text = re.sub(rb"date: [^\r]*", b"date: NOW", text)
    # A shell asks its terminal where the cursor is, and does not wait for long.
    return text.replace(b"\x1b[6n", b"").replace(b"\r/ # \x1b[J", b"")


def needs_busybox(case: dict[str, Any]) -> bool:
    text = shape(wanted(case["frames"]))["channels"]
    said = text.get(1, b"") + text.get(2, b"")
    return any(word in said for word in (b"BusyBox", b"sh: ", b"stty: "))

"""Exec and attach: what goes wrong with streams, and what becomes of the processes."""

import asyncio
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
import trustme

from syncd.loopback.dialect import Dialect

from .lab import WAIT_S, Lab, open_lab
from .rawclient import Talk, exec_path, offering, talk


RECORDINGS = Path(__file__).parents[1] / "recordings" / "loopback"
WAIT = ("sh", "-c", "while :; do sleep 9; done")

# The processes of the recordings; all write down what they see.
NOTE = "trap 'echo HUP >>/tmp/log' HUP; trap 'echo TERM >>/tmp/log' TERM; echo ready;"
PROCESSES = {
    "sleep": f"{NOTE} while :; do sleep 0.05; done",
    "read": f"{NOTE} while read x; do :; done; echo EOF >>/tmp/log; "
    "while :; do sleep 0.05; done",
    "write": f"{NOTE} while :; do echo tick; sleep 0.05; done",
    "flood": f"{NOTE} while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done",
}


def abrupt_cases() -> Iterator[Any]:
    """One for each way to go, with all kinds of process at once."""
    for dialect in Dialect:
        name = f"abrupt-close-{dialect.value.removeprefix('v')}.json"
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for case, outcome in json.loads((RECORDINGS / name).read_text()).items():
            protocol, how, process = case.split()
            if how != "sigstopclient":
                found.setdefault((protocol, how), {})[process] = outcome
        for (protocol, how), outcomes in found.items():
            label = f"{dialect.value} {protocol} {how}"
            yield pytest.param(dialect, protocol, how, outcomes, id=label)


@pytest.mark.parametrize(
    ("dialect", "protocol", "how", "outcomes"), list(abrupt_cases())
)
async def test_processes_outlive_their_client_where_they_were_seen_to(
    tmp_path: Path,
    dialect: Dialect,
    protocol: str,
    how: str,
    outcomes: dict[str, Any],
) -> None:
    seen: dict[str, Any] = {}

    async with open_lab(tmp_path, dialect) as lab:
        uid = await lab.run("box", *WAIT)

        async def try_one(process: str, expected: dict[str, bool]) -> None:
            script = PROCESSES[process].replace("/tmp/log", f"/tmp/{process}.log")
            script = f"echo $$ >/tmp/{process}.pid; {script}"
            path = exec_path("box", "sh", "-c", script, stdin=True)
            async with talk(lab.port, path, offering(protocol)) as server:
                await server.until(1, b"ready")
                leave(server, how)
                lives = await stays(lab, uid, process, expected)
            said = (await lab.sh(uid, f"cat /tmp/{process}.log"))[1]
            assert "HUP" not in said
            assert "TERM" not in said
            seen[process] = {"lives": lives, "eof": "EOF" in said}

        async with anyio.create_task_group() as tasks:
            for process, expected in outcomes.items():
                tasks.start_soon(try_one, process, expected)

    assert seen == outcomes


async def stays(lab: Lab, uid: str, process: str, expected: dict[str, bool]) -> bool:
    """Wait for what is said to come; return whether the process is there after that."""
    alive = f"kill -0 $(cat /tmp/{process}.pid)"
    with anyio.fail_after(WAIT_S):
        while expected["eof"] and (await lab.sh(uid, f"cat /tmp/{process}.log"))[0]:
            await anyio.sleep(0.02)
        while not expected["lives"] and (await lab.sh(uid, alive))[0] == 0:
            await anyio.sleep(0.02)
    # Nothing tells that a process was spared: only that it is there a while later.
    await anyio.sleep(0.1)
    return (await lab.sh(uid, alive))[0] == 0


def leave(server: Talk, how: str) -> None:
    match how:
        case "rst":
            server.reset()
        case "fin":
            server.writer.close()
        case "wsclose":
            server.send("close", b"\x03\xe8")
        case _:
            raise AssertionError(how)


async def has_ended(event: anyio.Event, within_s: float) -> bool:
    with anyio.move_on_after(within_s):
        await event.wait()
    return event.is_set()


@pytest.mark.parametrize("protocol", ["v5", "v4"])
@pytest.mark.parametrize(
    ("size", "told"), [(32_768, True), (70_000, True), (200_000, False)]
)
async def test_input_that_nobody_reads_can_cost_the_status(
    tmp_path: Path, protocol: str, size: int, *, told: bool
) -> None:
    script = "head -c 3 >/dev/null; sleep 0.1; exit 5"
    async with open_lab(tmp_path) as lab:
        await lab.run("box", *WAIT)
        path = exec_path("box", "sh", "-c", script, stdin=True)
        async with talk(lab.port, path, offering(protocol)) as server:
            for start in range(0, size, 65536):
                server.stdin(bytes(min(65536, size - start)))
            await server.next()

            if told:
                await server.rest()
                assert b'"reason":"ExitCode","message":"5"' in server.text(3)
            else:
                assert await server.is_quiet()
                server.send("ping", b"hello?")
                assert await server.is_quiet()


async def test_a_large_message_arrives_whole(tmp_path: Path) -> None:
    size = 16 * 1024 * 1024
    async with open_lab(tmp_path) as lab:
        await lab.run("box", *WAIT)
        path = exec_path("box", "sh", "-c", f"head -c {size} | sha256sum", stdin=True)
        async with talk(lab.port, path, offering("v5")) as server:
            server.stdin(b"a" * size)
            await server.rest()

    digest = b"5b6ff2e19d0da0fe323061018fc381393492884e74af8296c81ab9cb2694783a"
    assert server.text(1).startswith(digest)


@pytest.mark.parametrize(
    ("dialect", "protocol", "ends"),
    [
        (Dialect.V1_20, "v4", ["close", "eof"]),
        (Dialect.V1_36, "v4", ["eof"]),
        (Dialect.V1_36, "v5", ["close", "eof"]),
    ],
)
async def test_a_message_above_32_mib_ends_the_connection(
    tmp_path: Path, dialect: Dialect, protocol: str, ends: list[str]
) -> None:
    async with open_lab(tmp_path, dialect) as lab:
        await lab.run("box", *WAIT)
        path = exec_path("box", "cat", stdin=True)
        async with talk(lab.port, path, offering(protocol)) as server:
            await server.next()
            length = (64 << 20).to_bytes(8, "big")
            server.writer.write(b"\x82\xff" + length)
            await server.rest()

    assert [kind for kind, _ in server.frames[1:]] == ends


async def test_output_comes_in_messages_of_at_most_32_kib(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        await lab.run("box", *WAIT)
        path = exec_path("box", "sh", "-c", "head -c 10000000 /dev/zero")
        async with talk(lab.port, path, offering("v5")) as server:
            await server.rest()

    assert len(server.text(1)) == 10_000_000
    assert max(len(data) for _, data in server.frames) == 32_769


async def test_a_client_that_does_not_read_holds_the_process_up(tmp_path: Path) -> None:
    script = "head -c 50000000 /dev/zero; echo done >/tmp/log"
    async with open_lab(tmp_path) as lab:
        uid = await lab.run("box", *WAIT)
        async with talk(
            lab.port, exec_path("box", "sh", "-c", script), offering("v5")
        ) as server:
            await server.until(1, b"\0")
            assert isinstance(server.writer.transport, asyncio.Transport)
            server.writer.transport.pause_reading()
            process = next(iter(lab.container(uid).execs))
            assert not await has_ended(process.ended, 0.3)


@pytest.mark.parametrize("dialect", list(Dialect))
async def test_a_pod_that_goes_tells_its_streams_137_and_sends_them_no_term(
    tmp_path: Path, dialect: Dialect
) -> None:
    script = "trap 'echo TERM' TERM; echo ready; while :; do sleep 0.05; done"
    async with open_lab(tmp_path, dialect) as lab:
        uid = await lab.run(
            "box", "sh", "-c", "trap '' TERM; while :; do sleep 1; done"
        )
        path = exec_path("box", "sh", "-c", script)
        async with talk(lab.port, path, offering("v5", "v4")) as server:
            await server.until(1, b"ready")
            lab.node.stop(uid, 0.2)
            await server.rest()

    assert server.text(1) == b"ready\n"
    assert b'"reason":"ExitCode","message":"137"' in server.text(3)
    assert [kind for kind, _ in server.frames[-2:]] == ["close", "eof"]


async def test_a_container_that_restarts_ends_its_streams(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        uid = await lab.run("box", *WAIT)
        async with talk(
            lab.port, exec_path("box", "cat", stdin=True), offering("v5")
        ) as server:
            server.stdin(b"x")
            await server.until(1, b"x")
            lab.node.kill(uid, "c")
            await server.rest()

    assert b'"message":"137"' in server.text(3)


async def test_killing_execs_spares_the_container(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        uid = await lab.run("box", *WAIT)
        async with talk(
            lab.port, exec_path("box", "cat", stdin=True), offering("v5")
        ) as server:
            server.stdin(b"x")
            await server.until(1, b"x")
            killed = lab.node.kill_execs(uid)
            await server.rest()
        status = lab.node.status(uid)["containerStatuses"][0]

    assert killed == 1
    assert b'"message":"137"' in server.text(3)
    assert status["restartCount"] == 0
    assert "running" in status["state"]


async def test_streams_work_over_tls(tmp_path: Path) -> None:
    authority = trustme.CA()
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)

    async with open_lab(tmp_path, tls=theirs) as lab:
        await lab.run("box", *WAIT)
        path = exec_path("box", "cat", stdin=True)
        async with talk(lab.port, path, offering("v5"), tls=ours) as server:
            server.stdin(b"a" * 1_000_000)
            server.send("binary", b"\xff\x00")
            await server.rest()

    assert server.text(1) == b"a" * 1_000_000
    assert server.frames[-2:] == [("close", b"\x03\xe8"), ("eof", b"")]


async def test_data_sent_with_the_request_is_not_lost(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        await lab.run("box", *WAIT)
        path = exec_path("box", "head", "-c", "2", stdin=True)
        early = b"\x82\x83\x00\x00\x00\x00\x00hi"
        reader, writer = await open_raw(lab.port)
        lines = [f"GET /{path} HTTP/1.1", "Host: x"]
        lines += [f"{name}: {value}" for name, value in offering("v5")]
        writer.write("\r\n".join([*lines, "", ""]).encode() + early)
        with anyio.fail_after(WAIT_S):
            answer = await reader.read()
        writer.close()

    assert b"\x82\x03\x01hi" in answer


async def open_raw(port: int) -> Any:
    return await asyncio.open_connection("127.0.0.1", port)


async def test_attach_joins_the_first_process(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        await lab.run(
            "box", "sh", "-c", "while read x; do echo got $x; done", stdin=True
        )
        path = exec_path("box", stdin=True, what="attach")
        async with talk(lab.port, path, offering("v5")) as server:
            server.stdin(b"a\n")
            await server.until(1, b"got a\n")
        async with talk(lab.port, path, offering("v5")) as again:
            again.stdin(b"b\n")
            await again.until(1, b"got b\n")

    assert server.text(1) == b"got a\n"
    assert again.text(1) == b"got b\n"


async def test_attach_ends_with_the_container(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        uid = await lab.run("box", *WAIT)
        path = exec_path("box", what="attach")
        async with talk(lab.port, path, offering("v4")) as server:
            await server.next()
            lab.node.kill(uid, "c")
            await server.rest()

    assert json.loads(server.text(3))["status"] == "Success"


async def test_attach_to_a_terminal_can_resize_it(tmp_path: Path) -> None:
    script = "while read x; do stty size; done"
    async with open_lab(tmp_path) as lab:
        await lab.run("box", "sh", "-c", script, stdin=True, tty=True)
        path = exec_path("box", stdin=True, tty=True, what="attach")
        async with talk(lab.port, path, offering("v5")) as server:
            server.send("binary", b'\x04{"Width":101,"Height":33}')
            server.send("binary", b"\x04nonsense")
            server.stdin(b"\n")
            await server.until(1, b"33 101\r\n")


async def test_a_terminal_ends_with_its_process(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        await lab.run("box", *WAIT)
        path = exec_path("box", "sh", stdin=True, tty=True)
        async with talk(lab.port, path, offering("v4")) as server:
            server.stdin(b"tty >/dev/null && echo is-a-$((1+1)); exit 6\n")
            await server.rest()

    assert b"is-a-2\r\n" in server.text(1)
    assert b'"reason":"ExitCode","message":"6"' in server.text(3)

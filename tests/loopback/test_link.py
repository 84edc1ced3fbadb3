"""Faults of the link: each does what it says to the streams it is told to."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from syncd.loopback.link import Link
from syncd.loopback.network.wire import Wire

from .lab import WAIT_S, Lab, open_lab
from .rawclient import QUIET_S, Talk, exec_path, offering, talk


WAIT = ("sh", "-c", "while :; do sleep 9; done")


def is_exec(wire: Wire) -> bool:
    return wire.kind == "exec"


@asynccontextmanager
async def cat(folder: Path) -> AsyncIterator[tuple[Lab, Talk]]:
    """A stream to a `cat` that has answered once."""
    async with open_lab(folder) as lab:
        await lab.run("box", *WAIT)
        path = exec_path("box", "cat", stdin=True)
        async with talk(lab.port, path, offering("v5")) as server:
            server.stdin(b"hello")
            await server.until(1, b"hello")
            yield lab, server


async def test_a_cut_is_a_reset(tmp_path: Path) -> None:
    async with cat(tmp_path) as (lab, server):
        cut = lab.link.cut(is_exec)
        await server.rest()

    assert cut == 1
    assert server.frames[-1][0] == "reset"


async def test_a_cut_spares_those_that_were_not_chosen(tmp_path: Path) -> None:
    async with cat(tmp_path) as (lab, server):
        cut = lab.link.cut(lambda wire: wire.kind == "portforward")
        server.stdin(b"again")
        await server.until(1, b"again")

    assert cut == 0


async def test_a_cut_after_so_many_bytes_up_lets_those_through(tmp_path: Path) -> None:
    async with cat(tmp_path) as (lab, server):
        uid = lab.pods["box"]["metadata"]["uid"]
        frame = 2 + 4 + 1 + 4
        lab.link.cut_after(frame + 5, "up", is_exec)
        server.stdin(b"1234")
        server.stdin(b"5678")
        await server.rest()
        process = next(iter(lab.container(uid).execs))
        with anyio.fail_after(WAIT_S):
            await process.ended.wait()

    assert server.frames[-1][0] in ("reset", "eof")
    assert b"5678" not in server.text(1)


async def test_a_cut_after_so_many_bytes_down_lets_those_through(
    tmp_path: Path,
) -> None:
    async with cat(tmp_path) as (lab, server):
        lab.link.cut_after(100, "down", is_exec)
        server.stdin(b"x" * 1000)
        await server.rest()

    assert b"x" * 1000 not in server.text(1)
    assert len(server.frames[-1][1]) < 100


async def test_a_stalled_link_loses_nothing(tmp_path: Path) -> None:
    async with cat(tmp_path) as (lab, server):
        lab.link.stall(is_exec)
        server.stdin(b"during")
        server.send("ping", b"p")
        quiet = await server.is_quiet()
        lab.link.resume()
        await server.until(1, b"during")

    assert quiet
    assert ("pong", b"p") in server.frames


async def test_a_client_that_goes_during_a_stall_is_missed_after_it(
    tmp_path: Path,
) -> None:
    async with cat(tmp_path) as (lab, server):
        uid = lab.pods["box"]["metadata"]["uid"]
        process = next(iter(lab.container(uid).execs))
        lab.link.stall(is_exec)
        server.reset()
        with anyio.move_on_after(QUIET_S):
            await process.ended.wait()
        early = process.ended.is_set()
        lab.link.resume()
        lab.link.close()
        with anyio.fail_after(WAIT_S):
            await process.ended.wait()

    assert not early


async def test_a_half_open_link_is_silent_both_ways(tmp_path: Path) -> None:
    async with cat(tmp_path) as (lab, server):
        uid = lab.pods["box"]["metadata"]["uid"]
        process = next(iter(lab.container(uid).execs))
        lab.link.half_open(is_exec)
        server.stdin(b"lost")
        quiet = await server.is_quiet()
        process.kill()
        await process.ended.wait()
        still_quiet = await server.is_quiet()

    assert quiet
    assert still_quiet
    assert b"lost" not in server.text(1)


async def test_a_slow_link_takes_its_time(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with open_lab(tmp_path) as lab:
        await lab.run("box", *WAIT)
        lab.link.shape(rtt_ms=40)
        began = loop.time()
        path = exec_path("box", "cat", stdin=True)
        async with talk(lab.port, path, offering("v5")) as server:
            opened = loop.time() - began
            began = loop.time()
            server.stdin(b"x")
            await server.until(1, b"x")
            there_and_back = loop.time() - began
            lab.link.shape(rtt_ms=0, bits_per_s=8_000_000)
            began = loop.time()
            server.stdin(b"y" * 100_000)
            await server.until(1, b"y" * 100_000)
            filled = loop.time() - began

    assert opened >= 0.12
    assert there_and_back >= 0.04
    assert filled >= 0.1


async def test_a_link_without_faults_carries_much(tmp_path: Path) -> None:
    size = 4_000_000
    async with cat(tmp_path) as (lab, server):
        lab.link.shape(rtt_ms=1)
        lab.link.unshape()
        server.stdin(b"z" * size)
        server.send("binary", b"\xff\x00")
        await server.rest()

    assert server.text(1) == b"hello" + b"z" * size


async def test_a_stalled_server_is_made_to_wait(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        uid = await lab.run("box", *WAIT)
        path = exec_path("box", "sh", "-c", "head -c 9000000 /dev/zero")
        async with talk(lab.port, path, offering("v5")) as server:
            await server.until(1, b"\0")
            lab.link.stall(is_exec)
            process = next(iter(lab.container(uid).execs))
            with anyio.move_on_after(QUIET_S):
                await process.ended.wait()
            held = not process.ended.is_set()
            lab.link.resume()
            await server.rest()

    assert held
    assert len(server.text(1)) == 9_000_000


@pytest.mark.parametrize("fault", ["stall", "half_open"])
async def test_a_server_stops_in_spite_of_a_fault(tmp_path: Path, fault: str) -> None:
    with anyio.fail_after(WAIT_S):
        async with cat(tmp_path) as (lab, server):
            getattr(lab.link, fault)()
            server.stdin(b"x")


async def test_a_link_knows_its_connections(tmp_path: Path) -> None:
    async with cat(tmp_path) as (lab, _):
        kinds = [(wire.kind, wire.path) for wire in lab.link.connections]

    assert kinds == [("exec", "/pods/box/exec")]
    assert Link().connections == ()

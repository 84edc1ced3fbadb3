"""Edits that come before the one before them serves."""

import os
import re
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reloader.asking import PROGRAM, Asker, serve
from tests.reloader.running import PATIENCE_S, UVICORN, Line, Running, start


OVERLAPS = 30
# On uvloop, a server that is closed has attached all that it accepted.
COMMAND = (*UVICORN, "--loop", "asyncio")
GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def started(reloader: Path, shared: Path) -> Iterator[Running]:
    (shared / "main.py").write_text(PROGRAM.format(version=1))
    with start(reloader, shared, COMMAND, drain_s=1.0) as running:
        yield running.serves().warm()


@pytest.fixture
def running(started: Running) -> Running:
    serve(started, 1)
    started.until(lambda status: status["generations"] == 1)
    return started


@pytest.fixture
def blocked(running: Running) -> Iterator[Path]:
    """The file that a request waits for to go away, and all of its generation."""
    path = running.folder / "blocked"
    with socket.create_connection(("127.0.0.1", running.port())) as sock:
        sock.sendall(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        while not path.exists():
            time.sleep(0.001)
        yield path
        path.unlink(missing_ok=True)


def edit(running: Running, version: int, before: str = "") -> Line:
    """Edit, and return who is going to be told what comes of it."""
    line = running.dial()
    path = running.write("main.py", before + PROGRAM.format(version=version))
    line.send("batch", changed=[str(path)])
    return line


def wait_until_it_waits(running: Running) -> None:
    """Return when a generation is ready, and the one before it has yet to stop."""
    running.until(lambda status: not status["starting"] and status["generations"] >= 2)


def test_edits_that_overlap_lose_no_request_whether_they_are_good_or_bad(
    running: Running,
) -> None:
    askers = [Asker(running.port(), [1], keep=keep) for keep in (True, False)]
    for asker in askers:
        asker.start()
    lines = []
    for version in range(2, OVERLAPS):
        lines.append(edit(running, version, "" if version % 3 else "x = = 1\n"))
        asker = askers[version % 2]
        enough = asker.answers + version % 10 * 2
        while asker.answers < enough and not asker.error:
            time.sleep(0.0005)
    outcomes = {line.receive()["op"] for line in lines}
    serve(running, OVERLAPS)
    for asker in askers:
        asker.stop.set()
        asker.join(PATIENCE_S)

    assert [asker.error for asker in askers] == [None] * 2
    assert outcomes <= {"serving", "failed"}
    assert running.get() == str(OVERLAPS)


def test_an_edit_that_was_made_way_for_serves_although_the_next_one_fails(
    running: Running, blocked: Path
) -> None:
    good = edit(running, 2)
    wait_until_it_waits(running)
    bad = edit(running, 3, "x = = 1\n")
    failed, serving = bad.receive(), good.receive()
    blocked.unlink()

    assert (failed["op"], serving["op"]) == ("failed", "serving")
    assert failed["generation"] == serving["generation"] + 1
    assert running.get() == "2"


def test_connections_at_rest_wait_for_a_generation_that_takes_them(
    running: Running, blocked: Path
) -> None:
    with socket.create_connection(("127.0.0.1", running.port()), timeout=10) as sock:
        quick = edit(running, 2)
        wait_until_it_waits(running)
        slow = edit(running, 3, "import time; time.sleep(0.5)\n")
        blocked.unlink()
        sock.sendall(GET)

        assert re.search(rb"[23]\s+0\s*$", sock.makefile("rb").read())
    assert [line.receive()["op"] for line in (quick, slow)] == ["serving"] * 2
    assert running.get() == "3"


def test_one_that_is_killed_when_others_made_way_for_it_is_started_once_more(
    running: Running, blocked: Path
) -> None:
    line = edit(running, 2)
    wait_until_it_waits(running)
    status = running.status()
    warm = Path(f"/proc/{status['warm_pid']}/task/{status['warm_pid']}/children")
    (pid,) = {*map(int, warm.read_text().split())} - {status["pid"]}
    os.kill(pid, signal.SIGKILL)

    assert line.receive()["op"] == "serving"
    assert running.get() == "2"
    blocked.unlink()


def test_one_that_has_to_leave_as_soon_as_it_may_serve_drops_nobody(
    running: Running, blocked: Path
) -> None:
    lines = [edit(running, 2)]
    wait_until_it_waits(running)
    lines.append(edit(running, 3))
    address = ("127.0.0.1", running.port())
    socks = [socket.create_connection(address, timeout=10) for _ in range(40)]
    for sock in socks:
        sock.sendall(GET)

    assert [line.receive()["op"] for line in lines] == ["serving"] * 2
    for sock in socks:
        with sock, sock.makefile("rb") as answer:
            assert re.search(rb"[23]\s+0\s*$", answer.read())
    blocked.unlink()

"""One generation takes the place of another, and nobody who asks notices."""

import http.client
import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.reloader.asking import PROGRAM, Asker, serve
from tests.reloader.running import PATIENCE_S, Running, fetch, start


RELOADS = 50


@pytest.fixture(scope="module")
def started(reloader: Path, shared: Path) -> Iterator[Running]:
    (shared / "main.py").write_text(PROGRAM.format(version=1))
    with start(reloader, shared, drain_s=1.0) as running:
        yield running.serves().warm()


@pytest.fixture
def running(started: Running) -> Running:
    serve(started, 1)
    return started


def test_no_request_fails_and_none_is_answered_by_what_was_replaced(
    running: Running,
) -> None:
    served = [1]
    port = running.port()
    askers = [Asker(port, served, keep=keep) for keep in (True, True, False, False)]
    for asker in askers:
        asker.start()
    for version in range(2, RELOADS + 2):
        serve(running, version)
        served[0] = version
    for asker in askers:
        asker.stop.set()
        asker.join(PATIENCE_S)

    assert [asker.error for asker in askers] == [None] * 4
    assert [asker.stale for asker in askers] == [[]] * 4
    assert all(asker.answers > RELOADS for asker in askers)


def test_a_connection_at_rest_goes_over_to_the_next_generation(
    running: Running,
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", running.port(), timeout=10)
    connection.request("GET", "/")
    assert connection.getresponse().read() == b"1"
    sock = connection.sock

    for version in (2, 3):
        serve(running, version)
        connection.request("GET", "/")
        assert connection.getresponse().read() == str(version).encode()

    assert connection.sock is sock
    connection.close()


def test_a_connection_that_was_not_yet_used_goes_over_too(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port()), timeout=10) as sock:
        serve(running, 2)
        serve(running, 3)
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

        assert sock.makefile("rb").read().rstrip().endswith(b"3\r\n0")


def test_what_was_asked_before_is_answered_by_whom_it_was_asked(
    running: Running,
) -> None:
    with fetch(running.port(), "/slow") as response:
        assert response.read(5) == b"slow "
        serve(running, 2)

        assert response.read() == b"1"
    with fetch(running.port()) as response:
        assert response.read() == b"2"


def test_a_request_that_has_half_arrived_is_answered(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port()), timeout=10) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\n")
        # Another request, asked later and answered: the first half was read before.
        with fetch(running.port()) as response:
            response.read()
        serve(running, 2)
        sock.sendall(b"Connection: close\r\nContent-Length: 2\r\n\r\nok")

        assert re.search(rb"ok1\s+0\s*$", sock.makefile("rb").read())


def test_open_streams_cannot_hold_up_an_edit_nor_outlive_their_time(
    running: Running,
) -> None:
    port = running.port()
    with fetch(port, "/stream") as response, connect(f"ws://127.0.0.1:{port}") as ws:
        assert response.readline()
        assert ws.recv(PATIENCE_S) == "1"
        began = time.monotonic()

        serve(running, 2)

        with fetch(port) as fresh:
            assert fresh.read() == b"2"
        with pytest.raises(ConnectionClosed):
            ws.recv(PATIENCE_S)
        with pytest.raises(http.client.IncompleteRead):
            response.read()
        assert time.monotonic() - began < 1.0 + 1.0 + 2.0  # to drain, to kill, to spare

"""gunicorn, with the settings of it that another process sees or that start processes."""

import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reloader.running import Running, fetch, start


pytest.importorskip("gunicorn")

WSGI = """\
import os, time
def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    yield b"{}"
    while environ["PATH_INFO"] == "/held" and os.path.exists("held"):
        time.sleep(0.01)
"""
CONFIG = """\
bind = "127.0.0.1:0"
graceful_timeout = 0
max_requests = 1
pidfile = "gunicorn.pid"
reload = True
"""


@pytest.fixture(scope="module")
def started(reloader: Path, shared: Path) -> Iterator[Running]:
    (shared / "main.py").write_text(WSGI.format("one"))
    (shared / "gunicorn.conf.py").write_text(CONFIG)
    command = (sys.executable, "-m", "gunicorn", "main:app")
    with start(reloader, shared, command) as running:
        yield running.serves().warm()
        running.end()
        assert "Reloader is on" not in running.log.close()


@pytest.fixture
def running(started: Running) -> Running:
    assert started.edit("main.py", WSGI.format("one"))["op"] == "serving"
    return started


def test_its_own_reloading_is_left_to_the_reloader(running: Running) -> None:
    assert running.edit("main.py", "x = = 1")["op"] == "failed"
    assert running.get() == "one"

    assert running.edit("main.py", WSGI.format("two"))["op"] == "serving"
    assert running.get() == "two"


def test_no_worker_is_replaced_by_one_of_newer_code(running: Running) -> None:
    running.write("main.py", WSGI.format("two"))

    assert [running.get() for _ in range(5)] == ["one"] * 5


def test_its_pid_file_names_what_serves(running: Running) -> None:
    pid = int((running.folder / "gunicorn.pid").read_text())

    assert pid == running.status()["pid"]


def test_edits_are_served_after_it_has_read_its_settings_anew(
    running: Running,
) -> None:
    held = running.folder / "held"
    held.touch()
    with fetch(running.port(), "/held") as response:
        assert response.read(3) == b"one"
        for _ in range(3):  # each asks the worker that is busy to end, once more
            running.process.send_signal(signal.SIGHUP)
            running.log.wait_for("Hang up")
            running.log.wait_for("Booting worker")
            assert running.get() == "one"
        held.unlink()

    for answer in ("two", "three"):
        assert running.edit("main.py", WSGI.format(answer))["op"] == "serving"
        assert running.get() == answer

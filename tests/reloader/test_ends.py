"""When nothing runs any more: the end, or a wait for the next edit."""

import http.client
import os
import signal
from pathlib import Path

import pytest

from tests.reloader.asking import PROGRAM
from tests.reloader.running import PATIENCE_S, SCRIPT, fetch, plain, start


WORKS = "import time\nprint('I am {}', flush=True)\nwhile True:\n    time.sleep(1)\n"
ENDS = """\
import os, sys, time
print("I am {}", flush=True)
while not os.path.exists("end"):
    time.sleep(0.001)
sys.exit(3)
"""
STUBBORN = """\
import signal
signal.signal(signal.SIGTERM, lambda *_: print("I stay", flush=True))
print("I am here", flush=True)
while True:
    signal.pause()
"""
SLOW = "import time\nprint('I start', flush=True)\ntime.sleep(30)\n"


def test_a_program_that_never_listens_ends_the_reloader_after_any_edit(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(WORKS.format("one"))
    with start(reloader, folder, SCRIPT) as running:
        running.log.wait_for("I am one")
        assert running.edit("main.py", ENDS.format("two"))["op"] == "running"

        (folder / "end").touch()

        assert running.process.wait(PATIENCE_S) == 3


def test_an_edit_of_a_first_start_that_fails_ends_the_reloader(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(SLOW)
    with start(reloader, folder, SCRIPT) as running:
        running.log.wait_for("I start")

        running.write("main.py", "x = = 1\n")

        assert running.process.wait(PATIENCE_S) == 1


def test_a_stream_that_never_ends_ends_when_the_reloader_is_killed(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(PROGRAM.format(version=1))
    with (
        start(reloader, folder, drain_s=0.5) as running,
        fetch(running.serves().port(), "/stream") as response,
    ):
        assert response.readline()
        running.process.kill()

        with pytest.raises(http.client.IncompleteRead):
            response.read()
        running.log.wait_for("Finished server process")


@pytest.mark.parametrize("program", [STUBBORN, plain("ANSWER = 1")])
def test_no_program_outlives_the_reloader(
    reloader: Path, folder: Path, program: str
) -> None:
    (folder / "main.py").write_text(program)
    with start(reloader, folder, SCRIPT, drain_s=0.0) as running:
        running.log.wait_for("")
        running.process.kill()

        assert running.log.ends()


@pytest.mark.parametrize("closing", ["> >(head -n 1) 2>&1", "2>&-"])
def test_nobody_has_to_read_what_it_says(
    reloader: Path, folder: Path, closing: str
) -> None:
    (folder / "main.py").write_text(plain("ANSWER = 1"))
    shell = ("bash", "-c", f'exec "$@" {closing}', "bash")
    with start(reloader, folder, SCRIPT, prefix=shell) as running:
        running.log.wait_for("")
        running.until(lambda status: status["last"])
        for answer in (2, 3):
            silent = plain(f"ANSWER = {answer}\nprint = lambda *_, **__: None")
            assert running.edit("main.py", silent)["op"] == "serving"
            assert running.get() == str(answer)


def test_staying_waits_for_an_edit_that_starts_and_then_ends_as_it_ends(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(SLOW)
    with start(reloader, folder, SCRIPT, options=["--stay"]) as running:
        running.log.wait_for("I start")
        for code in (4, 5):
            running.write("main.py", f"import sys; sys.exit({code})\n")
            line = running.log.wait_for("waiting for the next edit")
            assert f"with code {code}" in line
        assert running.edit("main.py", plain("ANSWER = 1"))["op"] == "serving"
        os.kill(running.status()["pid"], signal.SIGKILL)

        assert running.process.wait(PATIENCE_S) == -signal.SIGKILL

"""When nothing runs any more: the end, or a wait for the next edit."""

import os
import signal
from pathlib import Path

from tests.reloader.running import PATIENCE_S, SCRIPT, plain, start


WORKS = "import time\nprint('I am {}', flush=True)\nwhile True:\n    time.sleep(1)\n"
ENDS = """\
import os, sys
print("I am {}", flush=True)
while not os.path.exists("end"):
    pass
sys.exit(3)
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

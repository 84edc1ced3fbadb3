"""Signals: whom they reach, and which of them is the end."""

import signal
from pathlib import Path

from tests.reloader.asking import PROGRAM
from tests.reloader.running import PATIENCE_S, SCRIPT, fetch, plain, start


TELLS = """\
import signal
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGUSR1):
    signal.signal(number, lambda n, _: print("got", signal.Signals(n).name, flush=True))
"""
WAITS = TELLS + "print('I am {}', flush=True)\nwhile True:\n    signal.pause()\n"


def test_a_signal_that_the_program_outlives_is_no_end(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain(TELLS + "ANSWER = 1"))
    with start(reloader, folder, SCRIPT) as running:
        running.serves()
        for answer, number in enumerate((signal.SIGHUP, signal.SIGINT), 2):
            running.process.send_signal(number)
            running.log.wait_for(f"got {number.name}")

            text = plain(f"{TELLS}ANSWER = {answer}")
            assert running.edit("main.py", text)["op"] == "serving"
            assert running.get() == str(answer)
        assert running.end() == -signal.SIGTERM


def test_a_hangup_is_for_what_serves_and_not_for_what_is_starting(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain(TELLS + "ANSWER = 1"))
    with start(reloader, folder, SCRIPT) as running:
        running.serves().status()
        slow = "print('imports', flush=True)\nimport time; time.sleep(0.3)\nANSWER = 2"
        path = running.write("main.py", plain(slow))
        running.line.send("batch", id=1, changed=[str(path)])
        running.log.wait_for("imports")
        running.process.send_signal(signal.SIGHUP)
        running.log.wait_for("got SIGHUP")

        assert running.line.receive()["op"] == "serving"
        assert running.get() == "2"


def test_a_program_that_does_not_listen_is_sent_all_signals(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(WAITS.format("one"))
    with start(reloader, folder, SCRIPT) as running:
        running.log.wait_for("I am one")
        for number in (signal.SIGUSR1, signal.SIGHUP, signal.SIGINT):
            running.process.send_signal(number)
            running.log.wait_for(f"got {number.name}")

        assert running.edit("main.py", WAITS.format("two"))["op"] == "running"
        running.log.wait_for("I am two")
        assert running.end() == -signal.SIGTERM


def test_no_edit_holds_up_an_end_that_was_asked_for(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(PROGRAM.format(version=1))
    (folder / "held").touch()
    with start(reloader, folder) as running:
        with fetch(running.serves().port(), "/held") as response:
            assert response.read(5) == b"held "
            running.process.send_signal(signal.SIGTERM)
            running.log.wait_for("Waiting for connections to close")

            path = running.write("main.py", PROGRAM.format(version=2))
            running.line.send("batch", id=1, changed=[str(path)])
            running.log.wait_for("Application startup complete")
            (folder / "held").unlink()

            assert response.read() == b"1"
        assert running.process.wait(PATIENCE_S) == -signal.SIGTERM

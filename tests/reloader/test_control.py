"""The control socket: where it is, and who may speak."""

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import pytest

from tests.reloader.running import PATIENCE_S, SCRIPT, Line, plain, start


def test_only_the_same_user_may_speak(reloader: Path, folder: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can be somebody else")
    (folder / "main.py").write_text(plain("ANSWER = 1"))
    with start(reloader, folder, SCRIPT) as running:
        running.serves()
        path = folder.parent / "control.sock"
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o666)
        path.parent.chmod(0o711)
        speak = """
import os, socket, sys
os.setuid(65534)  # in a folder that nobody could have gone to
sock = socket.socket(socket.AF_UNIX)
sock.connect("control.sock")
try:
    sock.sendall(b'{"op": "status"}\\n')
    sys.exit(len(sock.recv(1)))
except OSError:
    sys.exit(0)
"""
        command = [sys.executable, "-S", "-c", speak]
        done = subprocess.run(command, cwd=path.parent, check=False)

        assert done.returncode == 0
        assert running.status()["generation"] == 1


def test_a_socket_that_was_left_behind_is_taken_and_a_live_one_is_not(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain("ANSWER = 1"))
    path = folder.parent / "control.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    with start(reloader, folder, SCRIPT) as first:
        first.serves()
        assert first.status()["generation"] == 1

        with start(reloader, folder, SCRIPT) as second:
            second.log.wait_for("no control socket")
            second.serves()
            second.end()

        assert first.get() == "1"


def ask_without_end(sock: socket.socket) -> NoReturn:
    while True:
        sock.sendall(b'{"op": "explain"}\n' * 1000)


def test_who_does_not_read_the_answers_is_let_go(reloader: Path, folder: Path) -> None:
    (folder / "main.py").write_text(plain("ANSWER = 1"))
    with start(reloader, folder, SCRIPT) as running:
        running.serves()
        deaf = running.dial()
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            ask_without_end(deaf.sock)

        assert running.edit("main.py", plain("ANSWER = 2"))["op"] == "serving"
        assert running.get() == "2"


def test_the_place_of_the_socket_comes_from_the_environment(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain("ANSWER = 1"))
    path = folder.parent / "other.sock"
    command = [sys.executable, str(reloader), "--", *SCRIPT]
    environ = {**os.environ, "SYNCD_RELOADER_SOCKET": str(path)}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        assert process.stdout is not None
        next(line for line in process.stdout if b"serves (ms" in line)
        line = Line(path)
        facts = line.ask("explain")
        line.close()
        shown = subprocess.run(
            [sys.executable, str(reloader), "--explain"],
            env=environ,
            check=True,
            capture_output=True,
            text=True,
        )
        process.terminate()
        process.wait(PATIENCE_S)

    assert facts["op"] == "explain"
    assert "the developer's code" in shown.stdout


def test_edits_are_looked_for_again_when_who_reported_them_has_gone(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain("ANSWER = 1"))
    with start(reloader, folder, SCRIPT) as running:
        running.serves()
        driver = running.dial()
        assert running.status()["watching"]
        path = running.write("main.py", plain("ANSWER = 2"))
        assert driver.ask("batch", id=1, changed=[str(path)])["op"] == "serving"
        running.serves()
        assert not running.status()["watching"]

        driver.close()
        running.until(lambda status: status["watching"])
        running.write("main.py", plain("ANSWER = 3"))
        running.serves()

        assert running.get() == "3"

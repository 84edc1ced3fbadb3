"""The process that stands in for the command: its signals, its end, its children."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import zipapp
from pathlib import Path

import pytest

from tests.reloader.running import PATIENCE_S, SCRIPT, UVICORN, asgi, plain, start


PID_1 = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def can_be_pid_1() -> bool:
    return (
        shutil.which("unshare") is not None
        and subprocess.run(
            [*PID_1, "true"], check=False, capture_output=True
        ).returncode
        == 0
    )


needs_namespaces = pytest.mark.skipif(not can_be_pid_1(), reason="may not unshare")


def test_what_ends_the_command_ends_the_reloader_alike(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(asgi("one"))
    with start(reloader, folder) as running:
        code = running.serves().end(signal.SIGTERM)
        text = running.log.close()

    assert code == -signal.SIGTERM  # which uvicorn raises again when it is done
    assert "Application shutdown complete" in text
    assert not (folder.parent / "control.sock").exists()


@pytest.mark.parametrize(
    ("program", "code"),
    [
        pytest.param("import sys; sys.exit(7)", 7, id="exit"),
        pytest.param("print('done')", 0, id="the end"),
        pytest.param("x = = 1", 1, id="syntax error"),
        pytest.param("import sys; sys.exit('no')", 1, id="exit with a text"),
        pytest.param("import os; os._exit(9)", 9, id="abrupt exit"),
        pytest.param("import os; os.kill(os.getpid(), 9)", -9, id="killed"),
        pytest.param("raise KeyboardInterrupt", -2, id="interrupted"),
    ],
)
def test_a_program_that_ends_at_once_ends_with_its_own_code(
    reloader: Path, folder: Path, program: str, code: int
) -> None:
    (folder / "main.py").write_text(program)
    with start(reloader, folder, (sys.executable, "main.py")) as running:
        assert running.process.wait(PATIENCE_S) == code


def test_a_program_finds_all_as_if_python_had_started_it(
    reloader: Path, folder: Path
) -> None:
    program = """
import __main__, json, os, signal, sys, threading
print(json.dumps({
    "argv": sys.argv, "path": sys.path, "name": __name__, "file": __file__,
    "main": __main__.__dict__ is globals(), "environ": sorted(os.environ),
    "flags": str(sys.flags), "orig": sys.orig_argv, "cwd": os.getcwd(),
    "spec": __spec__ and __spec__.name, "globals": sorted(globals()),
    "signals": [str(signal.getsignal(n)) for n in sorted(signal.valid_signals())],
    "mask": sorted(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
    "threads": threading.active_count(), "executable": sys.executable,
}))
"""
    (folder / "package").mkdir()
    (folder / "package" / "__main__.py").write_text(program)
    (folder / "script.py").write_text(program)
    zipapp.create_archive(folder / "package", folder / "app.pyz")
    for command in (
        (sys.executable, "app.pyz", "-m", "z"),
        (sys.executable, "-I", "package"),
        (sys.executable, "-O", "-W", "ignore", "-m", "package", "--flag", "x y"),
        (sys.executable, "-u", "script.py", "-m", "z"),
    ):
        environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
        alone = subprocess.run(
            command, cwd=folder, env=environ, capture_output=True, check=True, text=True
        )
        with start(reloader, folder, command) as running:
            running.process.wait(PATIENCE_S)
            text = running.log.close()

        assert text == alone.stdout.strip()


def test_an_error_is_printed_as_python_would_print_it(
    reloader: Path, folder: Path
) -> None:
    for error in ("ValueError('no')", "KeyboardInterrupt"):
        (folder / "main.py").write_text(f"def f():\n    raise {error}\nf()\n")
        alone = subprocess.run(
            SCRIPT, cwd=folder, capture_output=True, check=False, text=True
        )
        with start(reloader, folder, SCRIPT) as running:
            running.process.wait(PATIENCE_S)
            text = running.log.close()

        assert text == alone.stderr.strip()


def test_a_port_that_is_taken_is_shown_where_the_program_wants_it(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain("ANSWER = 1"))
    with start(reloader, folder, SCRIPT) as running, socket.socket() as taken:
        running.serves()
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        there = str(taken.getsockname())

        text = plain("ANSWER = 2").replace('("127.0.0.1", 0)', there)
        failed = running.edit("main.py", text)

        assert failed["op"] == "failed"
        assert "Address already in use" in failed["traceback"]
        assert failed["file"] == str(folder / "main.py")


def test_the_first_failure_can_be_waited_out(reloader: Path, folder: Path) -> None:
    (folder / "main.py").write_text("x = = 1")
    with start(reloader, folder, UVICORN, options=["--stay"]) as running:
        running.log.wait_for("waiting for the next edit")

        assert running.edit("main.py", asgi("one"))["op"] == "serving"
        assert running.get() == "one"


def test_a_server_that_dies_takes_the_reloader_with_it(
    reloader: Path, folder: Path
) -> None:
    dying = asgi("one").replace(
        'if scope["type"]', 'if scope.get("path"): os._exit(5)\n    if scope["type"]'
    )
    (folder / "main.py").write_text(dying)
    with start(reloader, folder) as running:
        running.serves()
        with pytest.raises(OSError, match=r"closed|reset"):
            running.get("/")

        assert running.process.wait(PATIENCE_S) == 5


def test_a_program_that_does_not_listen_is_started_anew_by_an_edit(
    reloader: Path, folder: Path
) -> None:
    program = "import signal, sys\nprint('I am {}', flush=True)\nsignal.pause()\n"
    (folder / "main.py").write_text(program.format("one"))
    with start(reloader, folder, (sys.executable, "main.py")) as running:
        running.log.wait_for("I am one")

        answer = running.edit("main.py", program.format("two"))

        running.log.wait_for("I am two")
        assert answer == {"op": "running", "id": 1, "generation": 2}
        assert running.status()["generations"] == 1


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        pytest.param(("sh", "-c", "echo it runs"), "not a Python program", id="shell"),
        pytest.param(
            (sys.executable, "-c", "print('it runs')"), "neither", id="python -c"
        ),
    ],
)
def test_what_cannot_be_taken_over_runs_unchanged(
    reloader: Path, folder: Path, command: tuple[str, ...], reason: str
) -> None:
    with start(reloader, folder, command) as running:
        line = running.log.wait_for("not taken over")
        running.log.wait_for("it runs")

        assert reason in line
        assert running.process.wait(PATIENCE_S) == 0


def test_what_runs_unchanged_is_told_when_nobody_reads_it(
    reloader: Path, folder: Path
) -> None:
    show = ("grep", "SigIgn", "/proc/self/status")
    alone = subprocess.run(show, capture_output=True, check=True, text=True)
    with start(reloader, folder, show) as running:
        line = running.log.wait_for("SigIgn")

    assert line == alone.stdout.strip()


@pytest.mark.parametrize(
    ("command", "code"), [("no-such-command", 127), ("./not-executable", 126)]
)
def test_what_cannot_run_ends_as_it_would_in_a_shell(
    reloader: Path, folder: Path, command: str, code: int
) -> None:
    (folder / "not-executable").touch()
    with start(reloader, folder, (command,)) as running:
        assert running.process.wait(PATIENCE_S) == code
        lines = running.log.close().splitlines()

    assert len(lines) == 1
    assert command in lines[0]


def test_an_interpreter_that_cannot_run_the_reloader_runs_the_command(
    reloader: Path, folder: Path
) -> None:
    old = folder / "python3"
    old.write_text(
        f"#!/bin/sh\ncase $1 in *reloader.py) exit 1; esac\nexec {sys.executable} $@\n"
    )
    old.chmod(0o755)
    (folder / "main.py").write_text("print('it runs')")
    with start(reloader, folder, (str(old), "main.py")) as running:
        running.log.wait_for("cannot run the reloader")
        running.log.wait_for("it runs")

        assert running.process.wait(PATIENCE_S) == 0


def test_ctrl_c_ends_it_once_and_not_twice(reloader: Path, folder: Path) -> None:
    # A server that is interrupted twice gives up on the requests that are under way.
    patient = """
import signal, sys, threading
count = 0
def interrupted(*_):
    global count
    count += 1
    print("interrupted", count, flush=True)
    threading.Timer(0.3, lambda: os._exit(count)).start()
signal.signal(signal.SIGINT, interrupted)
"""
    (folder / "main.py").write_text("import os\n" + patient + plain("ANSWER = 1"))
    terminal, inside = os.openpty()
    prefix = ("setsid", "--ctty", "--wait")
    with start(reloader, folder, SCRIPT, prefix=prefix, stdin=inside) as running:
        running.serves()

        os.write(terminal, b"\x03")

        assert running.process.wait(PATIENCE_S) == 1
    os.close(terminal)
    os.close(inside)


@needs_namespaces
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_as_pid_1_it_ends_well_when_it_is_asked_to(
    reloader: Path, folder: Path, number: int
) -> None:
    (folder / "main.py").write_text(asgi("one"))
    with start(reloader, folder, prefix=PID_1) as running:
        running.serves()
        kill = f"kill -{int(number)} 1"
        inside = ("nsenter", "-t", str(_child_of(running.process.pid)), "-p", "-m")
        subprocess.run([*inside, "sh", "-c", kill], check=True)

        assert running.process.wait(PATIENCE_S) == 0
        assert "Application shutdown complete" in running.log.close()


@needs_namespaces
def test_as_pid_1_it_reaps_what_is_left_to_it(reloader: Path, folder: Path) -> None:
    orphans = """
import subprocess
for _ in range(5):
    subprocess.run(["sh", "-c", "(exec sleep 0) &"], check=True)
"""
    (folder / "main.py").write_text(orphans + asgi("one"))
    with start(reloader, folder, prefix=PID_1) as running:
        running.serves()
        for name in ("two", "three"):
            running.write("main.py", orphans + asgi(name))
            running.serves()
            running.log.wait_for("Finished server process")

        inside = ("nsenter", "-t", str(_child_of(running.process.pid)), "-p", "-m")
        states = subprocess.run(
            [*inside, "ps", "-eo", "stat="], check=True, capture_output=True, text=True
        ).stdout.split()
        assert not [state for state in states if state.startswith("Z")]


@needs_namespaces
def test_as_pid_1_it_ends_as_a_generation_that_was_left_to_it(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text(plain("ANSWER = 1"))
    with start(reloader, folder, SCRIPT, prefix=PID_1) as running:
        running.serves().warm()
        # The warm process, and the one before it, which forked what serves.
        kill = "kill -9 $(cat /proc/1/task/1/children)"
        inside = ("nsenter", "-t", str(_child_of(running.process.pid)), "-p", "-m")
        subprocess.run([*inside, "sh", "-c", kill], check=True)
        running.log.wait_for("the warm process died")
        subprocess.run([*inside, "kill", "1"], check=True)

        assert running.process.wait(PATIENCE_S) == 0


@needs_namespaces
def test_as_pid_1_it_shows_the_code_of_a_program_that_was_killed(
    reloader: Path, folder: Path
) -> None:
    (folder / "main.py").write_text("import os; os.kill(os.getpid(), 9)")
    command = (sys.executable, "main.py")
    with start(reloader, folder, command, prefix=PID_1) as running:
        assert running.process.wait(PATIENCE_S) == 137


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])

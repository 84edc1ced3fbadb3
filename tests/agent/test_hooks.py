"""run and signal."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.wire import Message
from tests.agent_driver import AgentProcess, everything, written
from tests.processes import is_there


RUN = os.getpid()  # in the command lines of programs, unlike any other run's


def run(agent: AgentProcess, *argv: str, **how: Any) -> Message:
    return agent.ask({"op": "run", "id": 5, "argv": argv, "timeout_s": 10} | how)


def ended(pid: int) -> bool:
    """Wait until a process is gone or a zombie; say whether it is."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not is_there(pid):
            return True
    return False


def test_a_command_is_run_where_and_how_it_is_asked(
    agent: AgentProcess, remote: Path
) -> None:
    script = "pwd; echo $COLOUR >&2; umask; exit 3"

    ran = run(agent, "sh", "-c", script, cwd=os.fspath(remote), env={"COLOUR": "blue"})

    assert ran["op"] == "ran"
    assert ran["id"] == 5
    assert ran["code"] == 3
    where, colour, _ = ran["output_tail"].splitlines()
    assert (where, colour) == (str(remote), "blue")


@pytest.mark.parametrize(
    ("argv", "cwd", "code"),
    [
        (["no-such-command"], "/", 127),
        (["/etc/passwd"], "/", 126),
        (["true"], "/no/such/folder", 127),
    ],
)
def test_a_command_that_cannot_start_says_why(
    agent: AgentProcess, argv: list[str], cwd: str, code: int
) -> None:
    ran = run(agent, *argv, cwd=cwd)

    assert ran["code"] == code
    assert "Errno" in ran["output_tail"]


def test_of_much_output_the_end_is_told(agent: AgentProcess) -> None:
    ran = run(agent, "sh", "-c", "seq 100000; printf '\\377end'")

    assert len(ran["output_tail"].encode()) < 8192 + 10
    assert ran["output_tail"].endswith("99999\n100000\n\ufffdend")


def test_a_command_has_no_stdin_and_default_signals(agent: AgentProcess) -> None:
    ran = run(agent, "sh", "-c", "cat; grep -E 'SigIgn' /proc/self/status")

    ignored = int(ran["output_tail"].split()[1], 16)
    # Signals from 32 on are the C library's own, and may come ignored to us too.
    assert ignored & 0x7FFF_FFFF == 0


def test_a_command_that_takes_too_long_is_killed_with_its_children(
    agent: AgentProcess,
) -> None:
    ran = run(agent, "sh", "-c", "sleep 60 & echo $!; wait", timeout_s=0.3)

    assert ran["code"] is None
    assert ended(int(ran["output_tail"]))


def test_a_child_that_is_left_behind_is_not_waited_for(agent: AgentProcess) -> None:
    started = time.monotonic()

    ran = run(agent, "sh", "-c", "sleep 60 & echo $!")

    assert ran["code"] == 0
    assert time.monotonic() - started < 10
    os.kill(int(ran["output_tail"]), signal.SIGKILL)


def test_when_the_peer_goes_the_command_goes_too(
    agent: AgentProcess, tmp_path: Path
) -> None:
    script = (
        f"echo $$ > {tmp_path}/pid.new; mv {tmp_path}/pid.new {tmp_path}/pid; sleep 60"
    )
    message = {"op": "run", "id": 1, "argv": ["sh", "-c", script], "timeout_s": 60}
    agent.send(message)
    while not (tmp_path / "pid").exists():
        assert agent.process.poll() is None

    assert agent.close() == 0
    assert ended(int((tmp_path / "pid").read_text()))


def test_a_command_holds_up_no_batch(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="1")
    argv = ["sh", "-c", f"until [ -e {remote}/a.py ]; do sleep 0.01; done; echo seen"]
    agent.send({"op": "run", "id": 1, "argv": argv, "timeout_s": 60})

    applied = agent.apply(local, everything(local))
    ran = agent.answer()

    assert applied["files"] == 1
    assert (ran["op"], ran["code"], ran["output_tail"]) == ("ran", 0, "seen\n")


def test_where_whoever_runs_a_command_is_killed_that_is_told(
    agent: AgentProcess, tmp_path: Path
) -> None:
    script = (
        f"echo $PPID $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pids; sleep 60"
    )
    agent.send({"op": "run", "id": 1, "argv": ["sh", "-c", script], "timeout_s": 60})
    while not (tmp_path / "pids").exists():
        assert agent.process.poll() is None
    runner, command = map(int, (tmp_path / "pids").read_text().split())
    os.kill(runner, signal.SIGKILL)

    ran = agent.answer()
    os.killpg(command, signal.SIGKILL)

    assert ran["code"] == 128 + signal.SIGKILL


@contextmanager
def program(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program with `words` in its command line; it exits with 7 on SIGUSR1."""
    source = """
import os, signal, sys, time
signal.signal(signal.SIGUSR1, lambda *_: os._exit(7))
if "fork" in sys.argv:
    ours, theirs = os.pipe()
    if os.fork() == 0:  # a worker ends with its master
        os.close(theirs); os.read(ours, 1); os._exit(0)
sys.stdout.write("ready\\n"); sys.stdout.flush()
signal.pause()
"""
    with subprocess.Popen(
        [sys.executable, "-c", source, *words], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def signalled(agent: AgentProcess, **what: Any) -> Message:
    return agent.ask({"op": "signal", "id": 1, **what})


def test_a_signal_reaches_the_process_that_matches(agent: AgentProcess) -> None:
    with (
        program("serve", f"orange-{RUN}") as wanted,
        program("serve", f"other-{RUN}") as other,
    ):
        answer = signalled(agent, match=f"serve orange-{RUN}", signal="USR1")

        assert answer["pids"] == [wanted.pid]
        assert answer["code"] == 0
        assert answer["output_tail"] == f"SIGUSR1 sent to {wanted.pid}"
        assert wanted.wait(10) == 7
        assert other.poll() is None


def test_a_signal_by_number_of_the_process(agent: AgentProcess) -> None:
    with program() as wanted:
        answer = signalled(agent, pid=wanted.pid, signal="sigusr1")

        assert answer["pids"] == [wanted.pid]
        assert wanted.wait(10) == 7


def test_of_a_family_only_the_eldest_is_signalled(agent: AgentProcess) -> None:
    with program(f"family-{RUN}", "fork") as parent:
        answer = signalled(agent, match=f"family-{RUN}", signal="USR1")

        assert answer["pids"] == [parent.pid]


def test_a_shell_that_starts_the_program_is_not_meant(
    agent: AgentProcess, tmp_path: Path
) -> None:
    script = f"sleep 61.{RUN}; touch {tmp_path}/survived"
    with subprocess.Popen(["sh", "-c", script]) as shell:
        children = Path(f"/proc/{shell.pid}/task/{shell.pid}/children")
        while not (child := children.read_text().strip()):
            assert shell.poll() is None
        while not Path(f"/proc/{child}/cmdline").read_text().startswith("sleep"):
            assert shell.poll() is None
        answer = signalled(agent, match=f"61.{RUN}", signal="TERM")

        assert answer["pids"] == [int(child)]
        assert shell.wait(10) == 0
    assert (tmp_path / "survived").exists()


def test_an_agent_is_never_meant(agent: AgentProcess) -> None:
    answer = signalled(agent, match="syncd agent", signal="KILL")

    assert answer["pids"] == []
    assert answer["code"] == 1
    assert answer["output_tail"] == "no process matches"
    assert agent.ask({"op": "ping", "id": 1})["op"] == "pong"


def test_a_process_that_is_gone_is_an_error_as_data(agent: AgentProcess) -> None:
    answer = signalled(agent, pid=2**22 + 1, signal="TERM")

    assert answer["errors"][0]["path"] == str(2**22 + 1)
    assert answer["code"] == 1
    assert "No such process" in answer["output_tail"]


def test_an_earlier_agent_of_the_session_ends_and_no_other(remote: Path) -> None:
    with (
        AgentProcess(remote, session=f"{RUN}.1") as earlier,
        AgentProcess(remote, session=f"{RUN}.11") as other,
        AgentProcess(remote, session=f"{RUN}.1") as later,
    ):
        assert earlier.process.wait(10) == -signal.SIGKILL
        assert other.ask({"op": "ping", "id": 0})["op"] == "pong"
        assert later.ask({"op": "ping", "id": 0})["op"] == "pong"


def test_what_an_earlier_agent_runs_ends_with_it(remote: Path, tmp_path: Path) -> None:
    script = f"echo $$ > {tmp_path}/new; mv {tmp_path}/new {tmp_path}/pid; sleep 60"
    message = {"op": "run", "id": 1, "argv": ["sh", "-c", script], "timeout_s": 60}
    with AgentProcess(remote, session=f"{RUN}.2") as earlier:
        earlier.send(message)
        while not (tmp_path / "pid").exists():
            assert earlier.process.poll() is None

        with AgentProcess(remote, session=f"{RUN}.2"):
            assert ended(int((tmp_path / "pid").read_text()))

"""Commands run, signals sent, and earlier agents ended, in the container."""

# pathlib would double the start-up.
# ruff: noqa: PTH123, PTH208
from __future__ import annotations

import os
import select
import signal
import time
from contextlib import suppress

from syncd.agent.child import apart
from syncd.agent.link import CHUNK, Answer, Broken
from syncd.agent.scratch import MARK, command_line, in_container


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from subprocess import Popen
    from typing import Any

    from syncd.agent.link import Wire

KILL_S = 5
TAIL = 8 << 10  # of a command's output, that is told
SHELLS = ("sh", "bash", "dash", "ash", "busybox", "zsh")


def run(wire: Wire, message: Mapping[str, Any], done: Callable[[], None]) -> None:
    """Begin to run a command; how it ended is told then, and `done` called if well."""
    agent = os.getpid()

    def tell(ran: tuple[int | None, str] | None) -> None:
        code, tail = ran or (128 + signal.SIGKILL, "who ran it was killed")
        wire.send(op="ran", id=message["id"], code=code, output_tail=tail)
        if code == 0:
            done()

    try:
        apart(wire, lambda: perform(message, agent), tell)
    except OSError as exc:
        tell((126, str(exc)))


def perform(message: Mapping[str, Any], agent: int) -> tuple[int | None, str]:
    """Run a command in a process group of its own for as long as there is the agent.

    Returns:
        Its exit code, None at the time-out, and its last output.
    """
    import subprocess  # noqa: PLC0415 - 15 ms that most sessions never need

    code: int | None
    try:
        process = subprocess.Popen(  # noqa: S603 - the developer's own command
            message["argv"],
            cwd=in_container(message["cwd"]) if message.get("cwd") else None,
            env=dict(os.environ, **message.get("env", {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as exc:
        return 127 if isinstance(exc, FileNotFoundError) else 126, str(exc)
    with process:
        try:
            code, tail = attend(process, message["timeout_s"], agent)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    return code, tail.decode("utf-8", "replace")


def attend(
    process: Popen[bytes], timeout_s: float, agent: int
) -> tuple[int | None, bytes]:
    """Return a process's exit code, None if it was not waited for, and its last output.

    It is the process that is waited for: a child that it leaves behind may keep the
    pipe open for ever.
    """
    assert process.stdout is not None
    output = [process.stdout.fileno()]
    os.set_blocking(output[0], False)
    deadline = time.monotonic() + timeout_s
    code, tail = None, b""
    while code is None and time.monotonic() < deadline and os.getppid() == agent:
        code = process.poll()  # asked first, so that its last words are read below
        if select.select(output, [], [], 0.02)[0]:
            data = os.read(output[0], CHUNK)
            tail = (tail + data)[-TAIL:]
            output = output if data else []
    return code, tail


def send_signal(wire: Wire, message: Mapping[str, Any]) -> None:
    """Send a signal to one process by `pid`, or to those that `match`."""
    answer = Answer(wire, "signalled", message, "pids")
    name = message["signal"].upper()
    number = signal.Signals[name if name.startswith("SIG") else "SIG" + name]
    pids = [message["pid"]] if "pid" in message else matching(message["match"])
    code = 1
    said = []
    for pid in pids:
        try:
            os.kill(pid, number)
            answer.add("pids", pid, "")
            code = 0
            said.append(f"{number.name} sent to {pid}")
        except OSError as exc:
            answer.fail(str(pid), exc)
            said.append(f"{number.name} to {pid}: {exc.strerror}")
    if not pids:
        said.append("no process matches")
    answer.close(code=code, output_tail="\n".join(said))


def end_earlier(session: str) -> None:
    """End the agents that served `session` before this one, and what they run.

    Their streams are lost, but may still deliver what they held; that would land on
    top of what this agent brings.
    """
    deadline = time.monotonic() + KILL_S
    mark = f"{MARK} {session}\n"
    there = [int(pid) for pid in processes()]
    earlier = {pid for pid in there if mark in command_line(str(pid))} - {os.getpid()}
    for pid in there if earlier else ():
        if pid not in earlier and parent_of(str(pid)) in earlier:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
    for pid in sorted(earlier):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        while command_line(str(pid)):  # a zombie has none
            if time.monotonic() > deadline:
                raise Broken(f"the earlier agent {pid} does not end")
            time.sleep(0.005)


def matching(text: str) -> list[int]:
    """Return the processes whose command line contains `text`.

    Of a family (a master and its workers) only the eldest; no shell that was merely
    told to start it, no agent, and nothing of another container of the Pod.
    """
    found = {}
    ours = groups_of("self")
    for pid in processes():
        line = command_line(pid)
        meant = text in line and MARK not in line and not is_launcher(line)
        if meant and all(map(is_inside, groups_of(pid), ours)):
            found[int(pid)] = parent_of(pid)
    return sorted(pid for pid, parent in found.items() if parent not in found)


def groups_of(pid: str) -> list[str]:
    """Return the control groups of a process, which are those of its container."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def is_inside(theirs: str, ours: str) -> bool:
    """Say whether a control group is another, or in it."""
    top = ours.rstrip("/") + "/"
    return f"{theirs}/".startswith(top) and not theirs.startswith(top + "..")


def processes() -> list[str]:
    """Return the ids of all processes that can be seen."""
    try:
        return [name for name in os.listdir("/proc") if name.isdigit()]
    except OSError:  # macOS has none
        return []


def is_launcher(line: str) -> bool:
    """Say whether a command line is a shell's that runs another."""
    words = line.split(" ", 2)
    return len(words) > 2 and words[0].rpartition("/")[2] in SHELLS and words[1] == "-c"


def parent_of(pid: str) -> int:
    """Return the parent of a process, 0 if it went away."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return int(file.read().rpartition(b")")[2].split()[1])
    except OSError:
        return 0

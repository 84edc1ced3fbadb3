import os
import sys
import time
from pathlib import Path

import anyio
import pytest

from syncd.rebuild import process
from tests.processes import is_there


def python(script: str) -> list[str]:
    return [sys.executable, "-ISc", script]


async def heard(script: str, **options: object) -> tuple[int, list[str]]:
    lines: list[str] = []
    code = await process.run(python(script), lines.append, **options)  # type: ignore[arg-type]  # mixed
    return code, lines


async def test_lines_are_heard_and_the_code_returned() -> None:
    code, lines = await heard("print('one'); print('two'); raise SystemExit(3)")

    assert (code, lines) == (3, ["one", "two"])


async def test_both_streams_are_heard_in_order() -> None:
    script = "import os; os.write(1, b'a\\n'); os.write(2, b'b\\n'); os.write(1, b'c')"

    assert await heard(script) == (0, ["a", "b", "c"])


async def test_a_carriage_return_ends_a_line_and_blank_lines_are_dropped() -> None:
    script = r"import os; os.write(1, b'10%\r20%\r\n\n  \ncaf\xc3'); os.write(1, b'\xa9 \xff')"

    assert await heard(script) == (0, ["10%", "20%", "café �"])


async def test_it_has_no_input_its_folder_and_its_variables(tmp_path: Path) -> None:
    script = "import os, sys; print(sys.stdin.read(), os.getcwd(), os.environ['WHO'])"

    _, lines = await heard(script, cwd=tmp_path, environ={"WHO": "me"})

    assert lines == [f" {tmp_path} me"]


async def test_no_shell_reads_the_words(tmp_path: Path) -> None:
    lines: list[str] = []
    odd = "$(touch x); `id` 'a\"b"
    await process.run([*python("import sys; print(sys.argv[1])"), odd], lines.append)

    assert lines == [odd]


async def test_what_cannot_be_started_is_an_error_of_the_system() -> None:
    with pytest.raises(FileNotFoundError):
        await process.run(["/no/such/program"], print)


async def test_a_grandchild_that_holds_the_pipe_keeps_nobody_waiting() -> None:
    script = """
import subprocess, sys
held = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(held.pid)
"""
    started = time.monotonic()
    code, (pid,) = await heard(script)

    os.kill(int(pid), 9)
    assert code == 0
    assert time.monotonic() - started < 10


async def test_a_cancelled_command_is_ended_with_all_that_it_started() -> None:
    script = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
print(child.pid, flush=True)
time.sleep(60)
"""
    pids: list[int] = []
    with anyio.CancelScope() as scope:

        def hear(line: str) -> None:
            pids.append(int(line))
            scope.cancel()

        await process.run(python(script), hear)

    assert scope.cancelled_caught
    with anyio.fail_after(5):
        while is_there(pids[0]):
            await anyio.sleep(0.01)


async def test_a_command_that_will_not_end_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(process, "_PATIENCE_S", 0.2)
    script = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(os.getpid(), flush=True)
time.sleep(60)
"""
    pids: list[int] = []
    with anyio.CancelScope() as scope:

        def hear(line: str) -> None:
            pids.append(int(line))
            scope.cancel()

        await process.run(python(script), hear)

    assert not is_there(pids[0])

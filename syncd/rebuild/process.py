"""A command that the user has, run with its output heard line by line."""

import codecs
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import anyio
from anyio.abc import Process


_PATIENCE_S = 5.0  # what a builder gets to tidy up in when it is told to end
_LINGER_S = 0.5  # a grandchild may hold the pipe open long after the command ended
_ENDS = re.compile(r"\r\n|\n|\r")


async def run(
    argv: Sequence[str],
    hear: Callable[[str], None],
    *,
    cwd: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> int:
    """Run a command without a shell or an input, and return its exit code.

    If it is cancelled, the command and all that it started are ended first.

    Args:
        argv: The command.
        hear: Called with each line of its output.
        cwd: Where it runs.
        environ: Variables beside syncd's own.

    Raises:
        OSError: If it cannot be started.
    """
    process = await anyio.open_process(
        argv,
        stdin=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        cwd=cwd,
        env={**os.environ, **(environ or {})},
        start_new_session=True,  # so that the whole group can be ended
    )
    async with process:
        try:
            await _listen(process, _Lines(hear))
            return await process.wait()
        finally:
            if process.returncode is None:
                with anyio.CancelScope(shield=True):
                    await _end(process)


async def _listen(process: Process, lines: "_Lines") -> None:
    assert process.stdout is not None
    while True:
        try:
            with anyio.fail_after(_LINGER_S):
                lines.feed(await process.stdout.receive())
        except TimeoutError:
            if process.returncode is not None:
                break
        except anyio.EndOfStream:
            break
    lines.end()


async def _end(process: Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with anyio.move_on_after(_PATIENCE_S):
            await process.wait()
            return


class _Lines:
    """Makes lines of bytes; a carriage return ends one, as progress bars mean it."""

    def __init__(self, hear: Callable[[str], None]) -> None:
        self._hear = hear
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._begun = ""

    def feed(self, data: bytes) -> None:
        *lines, self._begun = _ENDS.split(self._begun + self._decoder.decode(data))
        for line in lines:
            self._say(line)

    def end(self) -> None:
        self._say(self._begun + self._decoder.decode(b"", final=True))
        self._begun = ""

    def _say(self, line: str) -> None:
        if line.strip():
            self._hear(line.rstrip())

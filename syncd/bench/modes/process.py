"""Other programs, run beside the measuring."""

import os
import signal
import tempfile
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import IO

import anyio
from anyio import to_thread
from anyio.abc import Process

from syncd.bench.inside import PushFailed
from syncd.errors import ConfigError, TargetError


_STOP_S = 5.0


class Ended(TargetError):
    """A program that a mode cannot do without is no longer there."""


@asynccontextmanager
async def started(
    argv: Sequence[str],
    *,
    log: Path,
    cwd: Path | None = None,
    environ: Mapping[str, str],
    piped: bool = False,
) -> AsyncGenerator[Process, None]:
    """Run a program until the block ends; then end it, with all that it has started.

    Args:
        argv: Its words.
        log: Where what it writes goes.
        cwd: Where it runs.
        environ: Its environment.
        piped: Whether the block has its input and output; the log gets its errors.

    Raises:
        ConfigError: If there is no such program.
    """
    with log.open("wb") as output:
        process = await _opened(argv, output, cwd, environ, piped=piped)
    async with process:
        try:
            yield process
        finally:
            await _end(process)


async def ran(argv: Sequence[str], cwd: Path, environ: Mapping[str, str]) -> None:
    """Run a program to its end; what it leaves running is its own.

    Raises:
        PushFailed: If it does not end well.
        ConfigError: If there is no such program.
    """
    with tempfile.TemporaryFile() as output:
        async with await _opened(argv, output, cwd, environ) as process:
            try:
                code = await process.wait()
            except anyio.get_cancelled_exc_class():
                await _end(process)
                raise
        output.seek(0)
        said = output.read().decode("utf-8", "replace")
    if code:
        raise PushFailed(f"exit code {code}: {_tail(said, 1)}")


async def _opened(
    argv: Sequence[str],
    output: IO[bytes],
    cwd: Path | None,
    environ: Mapping[str, str],
    *,
    piped: bool = False,
) -> Process:
    """Start a program in a process group of its own."""
    try:
        return await anyio.open_process(
            argv,
            stdin=PIPE if piped else DEVNULL,
            stdout=PIPE if piped else output,
            stderr=output,
            cwd=cwd,
            env=environ,
            start_new_session=True,
        )
    except OSError as error:
        raise ConfigError(f"cannot run {argv[0]}: {error.strerror}") from error


async def _end(process: Process) -> None:
    """Ask a program and all that it started to end, and then make them."""
    with anyio.CancelScope(shield=True):
        # Ctrl-C is what a person would do, but some inherit that it is ignored.
        _tell(process, signal.SIGTERM)
        with anyio.move_on_after(_STOP_S):
            await process.wait()
        _tell(process, signal.SIGKILL)
        await process.wait()


def _tell(process: Process, number: signal.Signals) -> None:
    """Signal the whole group: a server's reloader may be gone before its worker."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def lasts(process: Process, what: str, log: Path, *, hint: str = "") -> None:
    """Wait for the end of a program that should have none.

    Args:
        process: That runs it.
        what: It is called.
        log: Where its last words are.
        hint: What helps.

    Raises:
        Ended: Then.
    """
    code = await process.wait()
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    words = await to_thread.run_sync(last_words, log)
    raise Ended(
        f"{what} ended by itself, {how}: {words or 'without a word'}", hint=hint
    )


def last_words(log: Path) -> str:
    """Return the end of what a program wrote."""
    try:
        return _tail(log.read_text(errors="replace"), 3)
    except OSError:
        return ""


def _tail(said: str, lines: int) -> str:
    return " / ".join(said.strip().splitlines()[-lines:])

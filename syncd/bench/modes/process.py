"""Other programs, run beside the measuring."""

import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
from anyio.abc import Process


_STOP_S = 5.0


@asynccontextmanager
async def started(
    argv: Sequence[str],
    *,
    cwd: Path,
    log: Path,
    environ: Mapping[str, str],
) -> AsyncGenerator[Process, None]:
    """Run a program, its output in a file, until the block ends; then end it."""
    with log.open("wb") as output:
        process = await anyio.open_process(
            argv,
            stdin=-3,
            stdout=output,
            stderr=output,
            cwd=cwd,
            env=environ,
            start_new_session=True,
        )
    async with process:
        try:
            yield process
        finally:
            await end(process)


async def end(process: Process) -> None:
    """Ask the process to end, and then make it."""
    with anyio.CancelScope(shield=True):
        if process.returncode is None:
            process.send_signal(signal.SIGINT)
        with anyio.move_on_after(_STOP_S):
            await process.wait()
            return
        process.kill()
        await process.wait()


def last_words(log: Path, lines: int = 3) -> str:
    """Return the end of what a program wrote."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return ""
    return " / ".join(text.strip().splitlines()[-lines:])

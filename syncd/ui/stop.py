"""Ctrl-C and SIGTERM: the first asks for an end, the second takes it."""

import os
import signal
import sys
from collections.abc import Awaitable, Callable
from types import FrameType

import anyio
from anyio.abc import TaskStatus


_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run(work: Callable[[], Awaitable[int]]) -> int | None:
    """Run `work` to its end; return its exit code, or None if it was told to stop.

    Whatever `work` raises comes out as it is, not in a group.
    """
    return anyio.run(_until_told, work)


def ask() -> None:
    """Do as the first signal does, from within."""
    signal.raise_signal(signal.SIGTERM)


async def _until_told(work: Callable[[], Awaitable[int]]) -> int | None:
    code: int | None = None
    failure: Exception | None = None
    async with anyio.create_task_group() as tasks:
        await tasks.start(_cancel_when_told, tasks.cancel_scope)
        try:
            code = await work()
        except Exception as error:  # noqa: BLE001  # raised again below
            failure = error
        tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return code


async def _cancel_when_told(
    scope: anyio.CancelScope, *, task_status: TaskStatus[None]
) -> None:
    with anyio.open_signal_receiver(*_SIGNALS) as signals:
        task_status.started()
        async for _ in signals:
            scope.cancel()
            break
    for each in _SIGNALS:
        signal.signal(each, _exit_now)


def _exit_now(number: int, _: FrameType | None) -> None:
    if sys.stdout.isatty():
        os.write(sys.stdout.fileno(), b"\x1b[?25h\n")  # show the cursor again
    os._exit(128 + number)

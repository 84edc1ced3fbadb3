import os
import time
from pathlib import Path

import anyio
import pytest

from syncd.watch.inbox import Inbox
from syncd.watch.settle import Hints, Quiet


async def test_a_file_that_is_closed_at_last_is_told_after_the_quiet_of_a_lone_save() -> (
    None
):
    hours_ms = 3_600_000
    inbox = Inbox(Quiet(lone_ms=1, burst_ms=hours_ms, cap_ms=hours_ms), ())
    send, receive = anyio.create_memory_object_stream[Hints](1)
    with receive:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(inbox.deliver, send)
            inbox.note(0, b"a", unfinished=True)
            await anyio.sleep(0.01)  # the reader has gone to sleep over it
            inbox.note(0, b"a")
            with anyio.fail_after(10):
                hints = await receive.receive()
            tasks.cancel_scope.cancel()

    assert hints.paths == {0: frozenset({b"a"})}


@pytest.mark.parametrize("age_s", [-3600, 3600])
async def test_a_lock_of_another_time_holds_no_longer_than_any(
    tmp_path: Path, age_s: int
) -> None:
    lock = tmp_path / "index.lock"
    lock.touch()
    os.utime(lock, (0, time.time() - age_s))
    inbox = Inbox(Quiet(1, 1, 1), [lock], lock_s=0.1)
    send, receive = anyio.create_memory_object_stream[Hints](1)
    with receive:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(inbox.deliver, send)
            inbox.note(0, b"a")
            with anyio.fail_after(10):
                hints = await receive.receive()
            tasks.cancel_scope.cancel()

    assert hints.paths == {0: frozenset({b"a"})}

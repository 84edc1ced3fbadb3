"""Listening to a daemon."""

import os
import time
from pathlib import Path

import pytest

from syncd.bench.edits import Edit
from syncd.bench.look import Endpoint
from syncd.bench.modes import Account, Daemon
from syncd.bench.usage import Usage


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="not Linux")
async def test_what_is_used_while_an_edit_is_made_is_used_for_the_edit(
    tmp_path: Path,
) -> None:
    readings = iter([Usage(1.0, 1), Usage(1.25, 1)])

    async def agents() -> Usage:
        return next(readings)

    daemon = Daemon("syncd", Endpoint("127.0.0.1", 1, "/"), agents)
    daemon.pid = os.getpid()
    daemon.end()
    await daemon.rest()
    began, edit = time.process_time(), an_edit(tmp_path)
    while (used := time.process_time() - began) < 0.02:
        pass
    await daemon.push(edit)

    account = await daemon.account(edit, Account())

    assert account.cpu_s is not None
    assert account.cpu_s >= used * 0.9
    assert account.agent_cpu_s == 0.25


def an_edit(folder: Path) -> Edit:
    now = time.monotonic()
    return Edit(folder, "mark", now, now, (Path("main.py"),), (), 4)

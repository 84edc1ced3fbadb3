"""Programs that run beside the measuring."""

import os
import shlex
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from syncd.bench.modes import Ended, Local
from syncd.bench.modes.process import lasts, started
from syncd.errors import ConfigError


async def test_with_a_program_goes_what_it_started_and_what_will_not_listen(
    tmp_path: Path,
) -> None:
    held = tmp_path / "held"
    os.mkfifo(held)
    worker = f"(trap '' TERM; echo up; sleep 1000) > {shlex.quote(str(held))}"

    with anyio.fail_after(30):
        async with started(
            ["sh", "-c", f"{worker} & wait"], log=tmp_path / "log", environ=os.environ
        ):
            reader = await to_thread.run_sync(held.open)
            assert await to_thread.run_sync(reader.readline) == "up\n"
        with reader:
            assert await to_thread.run_sync(reader.read) == ""


@pytest.mark.parametrize(
    ("script", "said"),
    [
        (
            "echo one; echo two >&2; exit 3",
            "it ended by itself, exit code 3: one / two",
        ),
        ("kill -9 $$", "it ended by itself, signal 9: without a word"),
    ],
)
async def test_a_program_that_should_go_on_is_told_of_with_its_last_words(
    tmp_path: Path, script: str, said: str
) -> None:
    log = tmp_path / "log"

    async with started(["sh", "-c", script], log=log, environ=os.environ) as process:
        with anyio.fail_after(30), pytest.raises(Ended) as caught:
            await lasts(process, "it", log)

    assert str(caught.value) == said


async def test_a_program_that_there_is_not_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot run no-such-program: No such file"):
        async with started(
            ["no-such-program"], log=tmp_path / "log", environ=os.environ
        ):
            raise AssertionError


async def test_nobody_waits_for_a_server_that_has_ended(tmp_path: Path) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    local = Local(("sh", "-c", "echo no module; exit 1"), "/", folder)

    with anyio.fail_after(30), pytest.raises(Ended, match="exit code 1: no module"):
        async with local.running():
            raise AssertionError

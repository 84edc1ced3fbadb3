"""Reloads that fail, by a real uvicorn in the embedded cluster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from syncd.events import (
    BatchReady,
    BatchReloaded,
    ReloadFailed,
    ReloadHung,
    ReloadMissed,
)
from syncd.loopback.dialect import Dialect
from tests.endtoend.scene import Scene, scene
from tests.reloading import BROKEN, FILES, MAIN, PORT, PROBE, STREAM, command


pytestmark = pytest.mark.timeout(150)


@asynccontextmanager
async def running(base: Path, dialect: Dialect) -> AsyncIterator[Scene]:
    """A folder in step with a Pod that runs the program."""
    address = {"fieldRef": {"fieldPath": "status.podIP"}}
    container = {
        "args": list(command("$(POD_IP)")),
        "env": [{"name": "POD_IP", "valueFrom": address}],
        "readinessProbe": PROBE,
    }
    async with scene(
        base, dialect=dialect, image_files=FILES, container=container
    ) as made:
        yield made


@pytest.mark.parametrize("dialect", Dialect)
async def test_code_that_does_not_start_is_told_with_its_place(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with running(tmp_path, dialect) as stage:
        (stage.folder / "main.py").write_text(BROKEN)
        await stage.until(lambda: stage.heard(ReloadFailed))
        (stage.folder / "main.py").write_text(MAIN)
        await stage.until(lambda: stage.heard(BatchReady))

    (failed,) = stage.heard(ReloadFailed)
    assert failed.error == "ModuleNotFoundError: No module named 'no_such_module'"
    assert failed.path.endswith("/main.py")
    assert failed.line == len(BROKEN.splitlines())
    assert failed.tail[-1] == failed.error
    (mended,) = stage.heard(BatchReloaded)
    assert mended.batch not in failed.batches
    assert stage.heard(BatchReady)[0].probe == f"GET http://:{PORT}/"


@pytest.mark.parametrize("dialect", Dialect)
async def test_a_change_that_the_program_missed_is_provoked_once(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with running(tmp_path, dialect) as stage:
        (stage.folder / "new.py").write_text("1\n")
        await stage.until(lambda: stage.heard(BatchReady))

    (missed,) = stage.heard(ReloadMissed)
    (reloaded,) = stage.heard(BatchReloaded)
    assert missed.path == b"new.py"
    assert reloaded.batch == missed.batch
    assert reloaded.reloaded_ms is not None


@pytest.mark.parametrize("dialect", Dialect)
async def test_a_reload_that_hangs_on_an_open_stream_is_named(
    tmp_path: Path, dialect: Dialect
) -> None:
    async with running(tmp_path, dialect) as stage:
        (pod,) = stage.pods()
        async with await anyio.connect_tcp(pod["status"]["podIP"], PORT) as stream:
            await stream.send(STREAM)
            await stream.receive()
            (stage.folder / "main.py").write_text(MAIN + "# once more\n")
            await stage.until(lambda: stage.heard(ReloadHung))
            assert stage.heard(BatchReloaded) == []
        await stage.until(lambda: stage.heard(BatchReady))

    (hung,) = stage.heard(ReloadHung)
    (reloaded,) = stage.heard(BatchReloaded)
    assert hung.server == "uvicorn"
    assert "--timeout-graceful-shutdown" in hung.hint
    assert hung.batches == (reloaded.batch,)

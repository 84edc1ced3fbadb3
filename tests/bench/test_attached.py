"""Measuring a daemon that runs already."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncd import daemon
from syncd.bench.bench import run
from syncd.bench.plan import Plan
from syncd.control import Claim, connect
from syncd.errors import Absent
from syncd.events import Event, InStep
from tests.bench.test_bench import Ground, contents, ground


@pytest.fixture(autouse=True)
def _own_state(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("run")))


@asynccontextmanager
async def watched(base: Path) -> AsyncIterator[Ground]:
    """Run a cluster, and a daemon that is in step with it."""
    async with ground(base) as place, anyio.create_task_group() as tasks:
        in_step = anyio.Event()

        def hear(event: Event) -> None:
            if isinstance(event, InStep):
                in_step.set()

        async def keep_in_step() -> None:
            with Claim(place.settings.project, ("pod/web",)) as claim:
                await daemon.run(place.settings, hear, claim=claim)

        tasks.start_soon(keep_in_step)
        with anyio.fail_after(30):
            await in_step.wait()
        yield place
        tasks.cancel_scope.cancel()


async def test_what_a_command_did_to_the_folder_itself_is_undone(
    tmp_path: Path,
) -> None:
    command = 'echo "$SYNCD_BENCH_MARKER" > main.py; touch new.py; rm -f other.py'
    async with watched(tmp_path) as place:
        (place.folder / "other.py").touch()
        before = contents(place.folder)
        plan = replace(attached(place), pattern="save", edit=command)
        result = await run(place.settings, plan, lambda _: None)
        after = contents(place.folder)

    assert [sample.failed for sample in result.samples] == ["", ""]
    assert after == before


def attached(place: Ground, **more: Any) -> Plan:
    return Plan(
        modes=("syncd",),
        pattern="branch-switch",
        iterations=2,
        warmup=0,
        url=place.url,
        attach=True,
        restores=False,
        **more,
    )


async def test_a_running_daemon_is_measured_and_its_folder_is_as_before(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as place:
        before = contents(place.folder)
        result = await run(place.settings, attached(place), lambda _: None)
        async with connect(place.settings.project) as client:
            status = await client.status()
        after = contents(place.folder)

    assert [sample.failed for sample in result.samples] == ["", ""]
    assert all(sample.batch and sample.sent_bytes for sample in result.samples)
    assert "applied" in [step.name for step in result.samples[-1].steps]
    assert after == before
    assert status.in_step


async def test_a_measurement_that_is_interrupted_leaves_the_folder_as_before(
    tmp_path: Path,
) -> None:
    async with watched(tmp_path) as place:
        before = contents(place.folder)
        with anyio.CancelScope() as interrupted:
            await run(place.settings, attached(place), lambda _: interrupted.cancel())
        after = contents(place.folder)

    assert interrupted.cancelled_caught
    assert after == before


async def test_where_none_runs_that_is_said_and_nothing_is_touched(
    tmp_path: Path,
) -> None:
    async with ground(tmp_path) as place:
        before = contents(place.folder)
        with pytest.raises(Absent):
            await run(place.settings, attached(place), lambda _: None)

    assert contents(place.folder) == before

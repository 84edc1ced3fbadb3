"""A program under the warm reloader: what becomes of an edit is told, and when."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from itertools import count
from pathlib import Path

import anyio

from syncd.events import BatchReloaded, ReloadFailed, SessionReconciled
from syncd.reloader import source
from tests.endtoend.scene import WAIT_S, Scene, scene
from tests.reloader.running import plain


EDIT_S = 3.0  # after which another is made
ANSWERS = count(10)  # one more each time: the same again would be no edit


@asynccontextmanager
async def program(base: Path) -> AsyncIterator[Scene]:
    """Run a small server under the reloader, kept in step."""
    files = {
        "main.py": plain("ANSWER = 1").encode(),
        "reloader.py": source().encode(),
    }
    command = ("python3", "/app/reloader.py", "--", "python3", "/app/main.py")
    async with scene(base, image_files=files, command=command) as stage:
        yield stage


def save(stage: Scene, text: str) -> None:
    (stage.folder / "main.py").write_text(plain(text))


async def until_driven(stage: Scene) -> None:
    """Edit until the reloader, which starts by and by, is there and answers.

    An edit that lands before it listens may be what it starts with, and is no reload.
    """
    with anyio.fail_after(WAIT_S):
        while not any(event.steps for event in stage.heard(BatchReloaded)):
            save(stage, f"ANSWER = {next(ANSWERS)}")
            with anyio.move_on_after(EDIT_S):
                await stage.until(
                    lambda: any(e.steps for e in stage.heard(BatchReloaded))
                )
    stage.events.clear()


async def until_known_for_no_code(stage: Scene) -> None:
    """Change notes that nothing reads, until that is no reason to reload.

    It is one for as long as the reloader does not know what the new program has read.
    """

    def more_than(told: int) -> bool:
        return len(stage.heard(BatchReloaded)) > told

    while all(event.reloaded_ms is not None for event in stage.heard(BatchReloaded)):
        told = len(stage.heard(BatchReloaded))
        (stage.folder / "notes.txt").write_text(f"no code {next(ANSWERS)}")
        await stage.until(partial(more_than, told))


async def test_an_edit_is_told_to_serve_or_to_fail_and_what_took_how_long(
    tmp_path: Path,
) -> None:
    async with program(tmp_path) as stage:
        await until_driven(stage)
        save(stage, "ANSWER = 2")
        await stage.until(lambda: stage.heard(BatchReloaded))
        save(stage, "ANSWER = 1 / 0")
        await stage.until(lambda: stage.heard(ReloadFailed))
        save(stage, "ANSWER = 3")
        await stage.until(lambda: len(stage.heard(BatchReloaded)) == 2)
        await until_known_for_no_code(stage)

    served, mended, *tried, kept = stage.heard(BatchReloaded)
    assert all(each.reloaded_ms is not None for each in (served, mended, *tried))
    (failed,) = stage.heard(ReloadFailed)
    assert failed.error == "ZeroDivisionError: division by zero"
    assert failed.path.endswith("/main.py")
    assert failed.batches == (failed.batches[0],)
    assert served.batch < failed.batches[0] < mended.batch < kept.batch
    assert {"fork_ms", "import_ms", "startup_ms", "total_ms"} <= set(served.steps)
    assert kept.reloaded_ms is None


async def test_the_reloader_of_a_container_that_started_again_is_found(
    tmp_path: Path,
) -> None:
    async with program(tmp_path) as stage:
        await until_driven(stage)
        stage.cluster.node.kill(stage.pods()[0]["metadata"]["uid"], "app")
        await stage.until(lambda: stage.heard(SessionReconciled))

        await until_driven(stage)

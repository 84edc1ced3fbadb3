"""What other systems get: watchfiles, which runs here as well."""

import shutil
from functools import partial
from pathlib import Path

import anyio

from syncd.events import RootFound, RootLost, WatchStarted
from tests.watch.watching import watching


native = partial(watching, by_inotify=False)


async def test_a_save_is_told(tmp_path: Path) -> None:
    (tmp_path / "pkg").mkdir()
    async with native(tmp_path) as running:
        (tmp_path / "pkg" / "x").write_text("")

        assert b"pkg/x" in await running.until(b"pkg/x")
    (started,) = running.said(WatchStarted)
    assert isinstance(started, WatchStarted)
    assert started.backend == "watchfiles"


async def test_what_is_ignored_is_not_told(tmp_path: Path) -> None:
    (tmp_path / ".venv").mkdir()
    async with native(tmp_path) as running:
        (tmp_path / ".venv" / "x").write_text("")
        (tmp_path / "x.pyc").write_text("")
        (tmp_path / "y").write_text("")

        assert await running.until(b"y") == {b"y"}


async def test_a_rule_that_changes_counts(tmp_path: Path) -> None:
    async with native(tmp_path) as running:
        (tmp_path / ".syncdignore").write_text("*.log\n")
        await running.until_everything()
        (tmp_path / "x.log").write_text("")
        (tmp_path / "y").write_text("")

        assert b"x.log" not in await running.until(b"y")


async def test_a_root_that_goes_and_comes_is_told(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    async with native(root) as running:
        shutil.rmtree(root)
        while not (await running.next()).lost:
            pass
        root.mkdir()
        await running.until_everything()
        (root / "x").write_text("")
        await running.until(b"x")

    assert len(running.said(RootLost)) == len(running.said(RootFound)) == 1


async def test_a_watch_ends_at_once(tmp_path: Path) -> None:
    with anyio.fail_after(1.5):
        async with native(tmp_path):
            pass

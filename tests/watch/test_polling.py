import shutil
import subprocess
from pathlib import Path

import pytest

from syncd.events import RootFound, RootLost, WatchStarted
from syncd.ignore import Ignore
from syncd.scan import Scanner
from syncd.watch.polling import pause
from tests.watch.watching import watching


async def test_the_clock_has_everything_looked_at_again(tmp_path: Path) -> None:
    scanner = Scanner(tmp_path, Ignore.load(tmp_path))
    scanner.scan()
    async with watching(tmp_path, poll=True) as running:
        (tmp_path / "x").write_text("1")
        hints = await running.next()
        scanner.scan()

    assert hints.everything == {0}
    assert b"x" in scanner.tree
    (started,) = running.said(WatchStarted)
    assert isinstance(started, WatchStarted)
    assert started.backend == "a look every 0.5 s"


async def test_a_root_that_vanishes_while_polled_is_lost(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    async with watching(root, poll=True) as running:
        shutil.rmtree(root)
        while not (await running.next()).lost:
            pass
        root.mkdir()
        await running.until_everything()

    assert len(running.said(RootLost)) == len(running.said(RootFound)) == 1


async def test_rules_above_a_polled_root_are_read_again(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    root = tmp_path / "app"
    root.mkdir()
    async with watching(root, poll=True) as running:
        (tmp_path / ".gitignore").write_text("*.log\n")
        while not running.ignore.ignored(b"x.log", is_dir=False):
            await running.until_everything()


async def test_rules_that_ignore_themselves_are_read_again(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text(".dockerignore\n")
    async with watching(tmp_path, poll=True) as running:
        (tmp_path / ".dockerignore").write_text(".dockerignore\n*.log\n")
        while not running.ignore.ignored(b"x.log", is_dir=False):
            await running.until_everything()


@pytest.mark.parametrize(
    ("entries", "pause_s"), [(0, 0.5), (1_000, 0.5), (50_000, 3.0), (10**6, 10.0)]
)
def test_the_more_there_is_the_less_often_it_is_looked_at(
    entries: int, pause_s: float
) -> None:
    assert pause(entries) == pytest.approx(pause_s)

"""How editors save, and what the watch makes of it: one file, told once."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import anyio
import pytest

from syncd.watch import Quiet
from tests.watch.watching import watching


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "pkg").mkdir()
    file = tmp_path / "pkg" / "main.py"
    file.write_text("x = 1\n")
    yield file
    assert file.read_text() == "x = 2\n"


def in_place(file: Path) -> None:
    """VS Code, nano, and whatever just writes."""
    with file.open("r+") as stream:
        stream.truncate()
        stream.write("x = 2\n")


def vim_by_renaming(file: Path) -> None:
    """Vim with backupcopy=no: swap file, a trial file, backup by renaming."""
    swap, backup = file.with_name(f".{file.name}.swp"), file.with_name(f"{file.name}~")
    swap.write_text("b0VIM 9.0")
    trial = file.with_name("4913")
    trial.touch()
    trial.unlink()
    file.rename(backup)
    file.write_text("x = 2\n")
    file.chmod(0o644)
    backup.unlink()
    swap.unlink()


def vim_by_copying(file: Path) -> None:
    """Vim with backupcopy=yes: the backup is a copy, the file is written in place."""
    swap, backup = file.with_name(f".{file.name}.swp"), file.with_name(f"{file.name}~")
    swap.touch()
    shutil.copy2(file, backup)
    in_place(file)
    os.fsync(os.open(file, os.O_RDONLY))
    backup.unlink()
    swap.unlink()


def jetbrains(file: Path) -> None:
    """JetBrains with safe write: a new file, the old one aside, and back in place."""
    new = file.with_name(f"{file.name}___jb_tmp___")
    old = file.with_name(f"{file.name}___jb_old___")
    new.write_text("x = 2\n")
    file.rename(old)
    new.rename(file)
    old.unlink()


def emacs(file: Path) -> None:
    """Emacs: a link as a lock, auto-save, backup by renaming, a new file."""
    lock = file.with_name(f".#{file.name}")
    lock.symlink_to("me@host.1234:1700000000")
    saved = file.with_name(f"#{file.name}#")
    saved.write_text("x = 2\n")
    file.rename(file.with_name(f"{file.name}~"))
    file.write_text("x = 2\n")
    file.chmod(0o644)
    saved.unlink()
    lock.unlink()


def gedit(file: Path) -> None:
    """Programs of GNOME: a temporary, renamed over the file."""
    new = file.with_name(".goutputstream-X4KZ12")
    new.write_text("x = 2\n")
    new.replace(file)


@pytest.mark.parametrize(
    "save", [in_place, vim_by_renaming, vim_by_copying, jetbrains, emacs, gedit]
)
async def test_a_save_is_one_hint_at_the_one_file(
    tmp_path: Path, file: Path, save: Callable[[Path], None]
) -> None:
    async with watching(tmp_path) as running:
        save(file)

        hints = await running.only()

    assert hints.paths == {0: {b"pkg/main.py"}}


@pytest.mark.skipif(shutil.which("vim") is None, reason="vim is not installed")
@pytest.mark.parametrize("how", ["backupcopy=no", "backupcopy=yes", "nowritebackup"])
async def test_a_save_of_the_real_vim_is_one_hint_at_the_one_file(
    tmp_path: Path, file: Path, how: str
) -> None:
    argv = ["vim", "-u", "NONE", "-i", "NONE", "-N", "-e", "-s"]
    steps = [f"set {how}", "%s/1/2/", "wq"]
    # On a busy machine even Vim may pause between its steps.
    async with watching(tmp_path, quiet=Quiet(lone_ms=100, burst_ms=300)) as running:
        await anyio.run_process(
            [*argv, *(word for step in steps for word in ("-c", step)), str(file)],
            check=False,
        )

        hints = await running.only()

    assert hints.paths == {0: {b"pkg/main.py"}}


async def test_a_temporary_of_another_name_is_told_along_and_no_more(
    tmp_path: Path, file: Path
) -> None:
    async with watching(tmp_path) as running:
        new = file.with_name("sedX4KZ12")
        new.write_text("x = 2\n")
        new.replace(file)

        hints = await running.only()

    assert hints.paths == {0: {b"pkg/main.py", b"pkg/sedX4KZ12"}}


async def test_reading_a_file_is_no_change(tmp_path: Path, file: Path) -> None:
    async with watching(tmp_path) as running:
        file.read_text()
        list(file.parent.iterdir())

        assert await running.rest() == []
    file.write_text("x = 2\n")

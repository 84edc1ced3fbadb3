import os
import sys
from pathlib import Path

import anyio
import pytest

from syncd.daemon.folder import Folder
from syncd.events import Event, Failed


async def test_what_a_look_that_was_not_believed_should_have_seen_is_seen_by_the_next(
    tmp_path: Path,
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").write_text("1")
    said: list[Event] = []
    folder = await Folder.open(root, (), said.append)

    root.rename(tmp_path / "away")
    root.mkdir()
    (tmp_path / "away" / "b").write_text("2")
    assert not any(await folder.look(frozenset({b"b"})))
    root.rmdir()
    (tmp_path / "away").rename(root)

    assert (await folder.look(frozenset({b"a"}))).changed == {b"b"}
    assert [type(event) for event in said][1:] == [Failed]


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc what is read")
async def test_a_look_that_is_cancelled_ends_at_once_and_so_does_its_thread(
    tmp_path: Path,
) -> None:
    large = tmp_path / "model.bin"
    with large.open("wb") as file:
        file.truncate(100_000_000_000)  # minutes of reading

    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(Folder.open, tmp_path, (), lambda _: None)
            while not is_read(large):
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()
        while is_read(large):
            await anyio.sleep(0.01)


def is_read(file: Path) -> bool:
    return str(file) in {
        os.path.realpath(link) for link in Path("/proc/self/fd").iterdir()
    }

"""What a batch does."""

import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from syncd.shell import (
    Batch,
    Landed,
    parse_ack,
)
from tests.agent.trees import Edit, edited, edits, grown
from tests.agent_driver import changes_between, everything, gone, tree_at, written
from tests.examples import examples
from tests.shell.shells import Shell, busybox, codes, gnu


@pytest.mark.parametrize("make", [gnu, busybox])
@given(edits, edits, st.booleans())
@settings(max_examples=examples(12))
def test_a_batch_makes_any_tree_equal_to_any_other(
    make: Any, old: list[Edit], new: list[Edit], modes_alone: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = edited({}, old)
        remote = grown(Path(folder, "remote"), model)
        local = grown(Path(folder, "local"), edited(model, new))
        held = tree_at(remote) if modes_alone else None

        changes = changes_between(remote, local)
        landed = make().apply(remote, local, changes, held=held)

        assert landed.refused == ""
        assert landed.failures == ()
        assert tree_at(remote) == tree_at(local)


@pytest.mark.parametrize("make", [gnu, busybox])
@given(edits, edits, st.floats(0, 1, exclude_max=True))
@settings(max_examples=examples(8))
def test_a_stream_that_is_cut_anywhere_leaves_the_old_tree(
    make: Any, old: list[Edit], new: list[Edit], where: float
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = edited({}, old)
        remote = grown(Path(folder, "remote"), model)
        local = grown(Path(folder, "local"), edited(model, new))
        before = tree_at(remote)

        with Batch(local, changes_between(remote, local)) as batch:
            # The end of the archive may be cut off without loss.
            stream = b"".join(batch.pieces())[: -2 * 512 - 1]
            with make().start(batch.command(str(remote), 7)) as process:
                out, _ = process.communicate(stream[: int(where * len(stream))])

        assert parse_ack(out, 7).refused != ""
        assert tree_at(remote) == before


def test_a_stream_that_is_cut_between_two_files_leaves_the_old_tree(
    shell: Shell, local: Path, remote: Path
) -> None:
    written(local, a="x", b="y", c="z")

    with Batch(local, everything(local)) as batch:
        stream = b"".join(batch.pieces())
        for cut in range(stream.index(b"new/"), len(stream) - 1024, 512):
            with shell.start(batch.command(str(remote), 7)) as process:
                out, _ = process.communicate(stream[:cut])

            assert parse_ack(out, 7).refused != ""
            assert tree_at(remote) == {}


def test_files_are_replaced_by_renames(shell: Shell, local: Path, remote: Path) -> None:
    versions = [bytes([65 + number]) * (200_000 + 1000 * number) for number in range(5)]
    (remote / "a.py").write_bytes(versions[0])
    seen: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            seen.add((remote / "a.py").read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(15):
            (local / "a.py").write_bytes(versions[number % 5])
            shell.apply(remote, local, everything(local))
    finally:
        done.set()
        reader.join()

    assert seen <= set(versions)
    assert len(seen) > 1


def test_the_time_of_a_file_is_now(shell: Shell, local: Path, remote: Path) -> None:
    written(local, a="x")
    os.utime(local / "a.py", (1, 1))

    shell.apply(remote, local, everything(local))

    assert abs((remote / "a.py").stat().st_mtime - time.time()) < 10


def test_many_files_in_one_folder_and_long_names(
    shell: Shell, local: Path, remote: Path
) -> None:
    for number in range(450):
        (local / f"{number:03}{'n' * 120}").write_text(str(number))
    deep = local / "d" / ("e" * 200) / ("f" * 200)
    deep.mkdir(parents=True)
    (deep / "g").write_text("deep")
    (local / "link").symlink_to("t" * 300)

    landed = shell.apply(remote, local, everything(local))

    assert landed == Landed(files=452)
    assert tree_at(remote) == tree_at(local)


def test_a_link_that_leads_to_itself_gives_way(
    shell: Shell, local: Path, remote: Path
) -> None:
    (local / "a").write_text("new")
    (remote / "a").symlink_to("a")

    assert shell.apply(remote, local, everything(local)) == Landed(files=1)
    assert tree_at(remote) == tree_at(local)


def test_a_large_batch_waits_on_disk_and_passes(
    shell: Shell, local: Path, remote: Path
) -> None:
    (local / "big").write_bytes(os.urandom(20 << 20))

    assert shell.apply(remote, local, everything(local)) == Landed(files=1)
    assert tree_at(remote) == tree_at(local)


def test_a_torn_file_is_not_put_in_place(
    shell: Shell, local: Path, remote: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(remote, big="old", small="old")
    written(local, big="x" * 700_000, small="new", other="new")
    changes = everything(local)
    (local / "small.py").write_text("torn")
    with (local / "big.py").open("r+") as file:
        file.write("torn")

    with Batch(local, changes) as batch:
        out = shell.answer(batch.command(str(remote), 7), b"".join(batch.pieces()))

    assert set(batch.torn) == {b"big.py", b"small.py"}
    assert parse_ack(out, 7) == Landed(files=1)
    assert {path.name: path.read_text() for path in remote.iterdir()} == {
        "big.py": "old",
        "small.py": "old",
        "other.py": "new",
    }


def test_foreign_files_stay(shell: Shell, local: Path, remote: Path) -> None:
    written(remote, pkg__ours="x", pkg__foreign="y", swap__foreign="z")
    (remote / "gone/__pycache__").mkdir(parents=True)
    (remote / "gone/__pycache__/a.cpython-312.pyc").touch()
    (local / "swap").write_text("file")

    changes = [*everything(local), *gone("pkg", "pkg/ours.py", "gone", "none/at/all")]
    landed = shell.apply(remote, local, changes)

    assert codes(landed) == {b"pkg": "not-empty", b"swap": "not-empty"}
    assert landed.files == 0
    assert {p for p in tree_at(remote) if b"." in p} == {
        b"pkg/foreign.py",
        b"swap/foreign.py",
    }


def test_a_replica_gives_up_foreign_files(
    shell: Shell, local: Path, remote: Path
) -> None:
    written(remote, pkg__foreign="x", swap__deep__foreign="z")
    (remote / "pkg/link").symlink_to("/etc")
    (local / "swap").write_text("file")

    changes = [*everything(local), *gone("pkg")]
    landed = shell.apply(remote, local, changes, replica=True)

    assert landed == Landed(files=1)
    assert tree_at(remote) == tree_at(local)
    assert Path("/etc/passwd").exists()


def test_byte_code_goes_with_its_module(
    shell: Shell, local: Path, remote: Path
) -> None:
    written(remote, a="old", b="x", c="y")
    written(local, a="new")
    (remote / "__pycache__").mkdir()
    for name in ("a", "b", "c"):
        (remote / f"__pycache__/{name}.cpython-36.pyc").touch()

    shell.apply(remote, local, [*everything(local), *gone("b.py")])

    left = [path.name for path in (remote / "__pycache__").iterdir()]
    assert left == ["c.cpython-36.pyc"]

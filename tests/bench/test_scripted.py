"""Edits by a command."""

from pathlib import Path

import anyio
import pytest

from syncd.bench.edits import EditFailed
from syncd.bench.scripted import Scripted
from syncd.config import from_arguments


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "own"
    (own / "pkg").mkdir(parents=True)
    (own / "main.py").write_bytes(b"SAYS = 'hello'\r\n")
    (own / "pkg" / "old.py").write_text("OLD = 1\n")
    (own / "link").symlink_to("main.py")
    (own / ".gitignore").write_text("*.log\n")
    return own


def scripted(folder: Path, command: str) -> Scripted:
    settings = from_arguments(str(folder), "pod/web:/app")
    return Scripted(settings, command, folder.with_name("kept"))


def contents(folder: Path) -> dict[str, object]:
    """Return all that is in a folder, by path."""
    return {
        str(path.relative_to(folder)): path.readlink()
        if path.is_symlink()
        else (path.stat().st_mode, path.is_file() and path.read_bytes())
        for path in folder.rglob("*")
    }


MUCH = """
echo "SAYS = '$SYNCD_BENCH_MARKER'" > main.py
rm pkg/old.py link
mkdir -p new/deep && touch new/deep/a.py && ln -s ../main.py pkg/link
chmod 700 .gitignore
echo noise > noise.log
"""


async def test_what_a_command_did_is_found_and_when_it_saved_last(
    folder: Path,
) -> None:
    subject = scripted(folder, MUCH)
    await subject.prepare()

    made = await subject.make(0, "mark")
    edit = await subject.complete(made)

    assert (folder / "main.py").read_text() == "SAYS = 'mark'\n"
    assert sorted(map(str, edit.changed)) == [
        *(".gitignore", "main.py", "new/deep/a.py", "pkg/link"),
    ]
    assert sorted(map(str, edit.deleted)) == ["link", "pkg/old.py"]
    assert edit.began_s <= edit.saved_s <= made.saved_s
    assert edit.size == len("SAYS = 'mark'\n") + len("*.log\n")


async def test_what_a_command_did_is_undone_and_what_others_did_is_not(
    folder: Path,
) -> None:
    before = contents(folder)
    subject = scripted(folder, MUCH)
    await subject.prepare()
    await subject.complete(await subject.make(0, "mark"))
    (folder / "theirs.py").write_text("THEIRS = 1\n")
    (folder / "pkg" / "theirs.py").write_text("THEIRS = 1\n")

    await subject.undo()

    theirs = {"theirs.py", "pkg/theirs.py", "noise.log"}
    after = contents(folder)
    assert {path: after[path] for path in after if path not in theirs} == before
    assert theirs <= after.keys()


async def test_what_a_command_did_before_it_was_interrupted_is_undone(
    folder: Path,
) -> None:
    before = contents(folder)
    subject = scripted(folder, "rm main.py; touch begun.py; sleep 1000")
    await subject.prepare()
    with anyio.fail_after(30):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(subject.make, 0, "mark")
            while not (folder / "begun.py").exists():
                await anyio.sleep(0.01)
            tasks.cancel_scope.cancel()

    await subject.undo()

    assert contents(folder) == before


async def test_what_a_command_made_is_known_even_if_it_failed(
    folder: Path,
) -> None:
    subject = scripted(folder, "mkdir -p lib && touch lib/a.py; exit 3")
    await subject.prepare()
    with pytest.raises(EditFailed):
        await subject.make(0, "mark")

    strays = await subject.strays()

    assert sorted(map(str, strays)) == ["lib", "lib/a.py"]


async def test_what_was_never_begun_needs_no_undoing(folder: Path) -> None:
    before = contents(folder)

    await scripted(folder, MUCH).undo()

    assert contents(folder) == before


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("echo why; exit 3", "the edit failed: exit code 3: why"),
        ("true", "the edit changed nothing that is synced"),
        ("touch noise.log", "the edit changed nothing that is synced"),
    ],
)
async def test_a_command_that_makes_no_edit_is_a_failure(
    folder: Path, command: str, said: str
) -> None:
    subject = scripted(folder, command)
    await subject.prepare()

    with pytest.raises(EditFailed) as caught:
        await subject.complete(await subject.make(0, "mark"))

    assert str(caught.value) == said

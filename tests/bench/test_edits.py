"""What an edit does to the files."""

import subprocess
from pathlib import Path

import pytest

from syncd.bench.edits import removal
from syncd.bench.marked import Marked
from syncd.bench.patterns import PATTERNS
from syncd.errors import ConfigError


FIRST = b'SAYS = "hello"\r\nTWICE = "hello"  # \xe9\r\n'


def subject(
    folder: Path, pattern: str = "save", *, file: str = "main.py", old: str = "hello"
) -> Marked:
    return Marked.of(folder, Path(file), old, pattern, range(3))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder whose file has the line ends of Windows, and no encoding in common."""
    own = tmp_path / "own"
    own.mkdir()
    (own / "main.py").write_bytes(FIRST)
    return own


@pytest.mark.parametrize(
    ("pattern", "changed", "deleted"),
    [
        ("save", 1, 0),
        ("burst", 1, 0),
        ("files20", 20, 0),
        ("rename", 2, 1),
        ("delete", 1, 1),
        ("branch-switch", 51, 10),
    ],
)
async def test_every_edit_leaves_a_fresh_marker_and_says_what_it_did(
    folder: Path, pattern: str, changed: int, deleted: int
) -> None:
    edited = subject(folder, pattern)
    await edited.prepare()

    for number in range(3):
        edit = await edited.make(number, f"mark {number}")

        there = {path for path in edit.changed if (folder / path).is_file()}
        assert len(there) == len(edit.changed) == changed
        assert len(edit.deleted) == deleted
        assert not any((folder / path).exists() for path in edit.deleted)
        marked = FIRST.replace(b"hello", b"mark %d" % number, 1)
        assert (folder / "main.py").read_bytes() == marked
        assert edit.began_s <= edit.saved_s
        assert edit.changed[-1] == Path("main.py")


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_after_undo_the_folder_is_as_before_to_the_byte(
    folder: Path, pattern: str
) -> None:
    edited = subject(folder, pattern)
    await edited.prepare()
    await edited.make(0, "mark")

    await edited.undo()

    assert [path.name for path in folder.iterdir()] == ["main.py"]
    assert (folder / "main.py").read_bytes() == FIRST


@pytest.mark.parametrize("pattern", PATTERNS)
async def test_what_a_killed_run_left_is_in_nobody_s_way(
    folder: Path, pattern: str
) -> None:
    await subject(folder, pattern).prepare()
    again = subject(folder, pattern)

    await again.prepare()
    await again.make(0, "mark")
    await again.undo()

    assert [path.name for path in folder.iterdir()] == ["main.py"]


@pytest.mark.parametrize(
    ("file", "said"), [("main.py", "does not hold"), ("gone.py", "cannot be edited")]
)
def test_a_file_without_the_marker_is_refused(
    folder: Path, file: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        subject(folder, file=file, old="absent")


@pytest.mark.parametrize(
    "form", ["{folder}/main.py", "../{name}/main.py", "sub/../main.py"]
)
def test_a_file_that_is_not_named_from_the_folder_down_is_refused(
    folder: Path, form: str
) -> None:
    (folder / "sub").mkdir()

    with pytest.raises(ConfigError, match="is not a path below the folder"):
        subject(folder, file=form.format(folder=folder, name=folder.name))


@pytest.mark.parametrize(
    "target", ["{base}/outside.py", "{base}/own/main.py", "main.py"]
)
def test_a_link_is_refused_wherever_it_leads(folder: Path, target: str) -> None:
    (folder.parent / "outside.py").write_text("hello")
    (folder / "link.py").symlink_to(target.format(base=folder.parent))

    with pytest.raises(ConfigError, match="is a link, or behind one"):
        subject(folder, file="link.py")


def test_a_file_behind_a_linked_folder_is_refused(folder: Path) -> None:
    real = folder.parent / "real"
    real.mkdir()
    (real / "main.py").write_text("hello")
    (folder / "pkg").symlink_to(real)

    with pytest.raises(ConfigError, match="is a link, or behind one"):
        subject(folder, file="pkg/main.py")


def test_what_edits_left_in_a_container_goes_and_nothing_else(tmp_path: Path) -> None:
    remote = tmp_path / "my 'own' app;"
    kept = [tmp_path / "my" / "precious", remote / "main.py", remote / "lib" / "old"]
    strays = [
        *(Path("a b.py"), Path("lib/new"), Path("pkg/sub/--x"), Path("pkg/y\nz")),
        *(Path("pkg"), Path("pkg/sub"), Path("lib")),
    ]
    gone = [
        remote / "syncd_bench_00.py",
        remote / "syncd_bench_pkg" / "both_00.py",
        *(remote / path for path in strays[:4]),
    ]
    for path in (*kept, *gone):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    script = removal(str(remote), [*strays, Path("never/was")])
    subprocess.run(["sh"], input=script, check=True)

    assert [path for path in kept if not path.exists()] == []
    assert [path for path in gone if path.exists()] == []
    assert not (remote / "pkg").exists()

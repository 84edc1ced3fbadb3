"""What an edit does to the files."""

import subprocess
from pathlib import Path

import pytest

from syncd.bench import edits
from syncd.bench.edits import Subject
from syncd.errors import ConfigError


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    (tmp_path / "main.py").write_text('SAYS = "hello"\nTWICE = "hello"\n')
    return Subject.of(tmp_path, Path("main.py"), "hello")


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
def test_every_edit_leaves_a_fresh_marker_and_says_what_it_did(
    subject: Subject, pattern: str, changed: int, deleted: int
) -> None:
    edits.prepare(pattern, subject.folder, range(3))

    for number in range(3):
        edit = edits.make(pattern, subject, number, f"mark {number}")

        there = {path for path in edit.changed if (subject.folder / path).is_file()}
        assert len(there) == len(edit.changed) == changed
        assert len(edit.deleted) == deleted
        assert not any((subject.folder / path).exists() for path in edit.deleted)
        assert f'SAYS = "mark {number}"' in (subject.folder / "main.py").read_text()
        assert edit.began_s <= edit.saved_s
        assert edit.changed[-1] == Path("main.py")


def test_only_the_first_place_is_marked(subject: Subject) -> None:
    assert subject.with_marker("x") == 'SAYS = "x"\nTWICE = "hello"\n'


@pytest.mark.parametrize(
    ("file", "said"), [("main.py", "does not hold"), ("gone.py", "cannot be edited")]
)
def test_a_file_without_the_marker_is_refused(
    subject: Subject, file: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        Subject.of(subject.folder, Path(file), "absent")


@pytest.mark.parametrize(
    "form", ["{folder}/main.py", "../{name}/main.py", "sub/../main.py"]
)
def test_a_file_that_is_not_named_from_the_folder_down_is_refused(
    subject: Subject, form: str
) -> None:
    folder = subject.folder
    (folder / "sub").mkdir()

    with pytest.raises(ConfigError, match="is not a path below the folder"):
        Subject.of(folder, Path(form.format(folder=folder, name=folder.name)), "hello")


@pytest.mark.parametrize(
    "target", ["{base}/outside.py", "{base}/own/main.py", "main.py"]
)
def test_a_link_is_refused_wherever_it_leads(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "own"
    folder.mkdir()
    for file in (folder / "main.py", tmp_path / "outside.py"):
        file.write_text("hello")
    (folder / "link.py").symlink_to(target.format(base=tmp_path))

    with pytest.raises(ConfigError, match="is a link, or behind one"):
        Subject.of(folder, Path("link.py"), "hello")


def test_a_file_behind_a_linked_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "main.py").write_text("hello")
    (tmp_path / "own" / "pkg").symlink_to(tmp_path / "real")

    with pytest.raises(ConfigError, match="is a link, or behind one"):
        Subject.of(tmp_path / "own", Path("pkg/main.py"), "hello")


def test_what_edits_left_in_a_container_goes_and_nothing_else(tmp_path: Path) -> None:
    remote = tmp_path / "my 'own' app;"
    kept = [tmp_path / "my" / "precious", remote / "main.py"]
    gone = [remote / "syncd_bench_00.py", remote / "syncd_bench_pkg" / "both_00.py"]
    for path in (*kept, *gone):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()

    subprocess.run(["sh", "-c", edits.removal(str(remote))], check=True)

    assert [path for path in kept if not path.exists()] == []
    assert [path for path in gone if path.exists()] == []

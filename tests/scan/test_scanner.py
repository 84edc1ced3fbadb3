import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from syncd.errors import Halted
from syncd.ignore import Ignore
from syncd.ignore.layers import Layers
from syncd.scan import Scanner
from syncd.scan.walk import Stopped, Walk
from syncd.tree import Entry, Kind, Problem, apply, diff
from tests.scan.disk import Edit, edits, entry, snapshot, unprivileged


@pytest.fixture
def root() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def scanned(root: Path, *patterns: str) -> Scanner:
    scanner = Scanner(root, Ignore.load(root, patterns))
    scanner.scan()
    return scanner


def test_a_scan_finds_files_folders_and_links(root: Path) -> None:
    (root / "pkg").mkdir(mode=0o755)
    (root / "pkg" / "main.py").write_bytes(b"x = 1\n")
    (root / "pkg" / "run").write_bytes(b"")
    (root / "pkg" / "run").chmod(0o755)
    (root / "here").symlink_to("pkg")
    (root / "gone").symlink_to("/nowhere")

    scanner = Scanner(root, Ignore.load(root))
    changed = scanner.scan()

    assert scanner.tree == snapshot(root)
    assert changed == snapshot(root).keys()
    assert scanner.tree[b"gone"] == Entry(Kind.LINK, target=b"/nowhere")
    assert scanner.dirs == {b"pkg"}


@given(st.lists(st.lists(edits, max_size=4), max_size=6))
def test_looking_where_edits_were_finds_what_looking_everywhere_finds(
    batches: list[list[Edit]],
) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        scanner = scanned(root)
        for batch in batches:
            before = dict(scanner.tree)
            for edit in batch:
                edit.make(root)

            changed = scanner.rescan(set().union(*(edit.hints for edit in batch)))

            assert scanner.tree == snapshot(root)
            assert changed == {change.path for change in diff(before, scanner.tree)}
        assert scanner.scan() == frozenset()


@given(st.lists(edits, max_size=12))
def test_a_second_scan_finds_all_that_moved(batch: list[Edit]) -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for edit in batch[::2]:
            edit.make(root)
        scanner = scanned(root)
        tree, before = scanner.tree, dict(scanner.tree)
        for edit in batch[1::2]:
            edit.make(root)

        changed = scanner.scan()

        assert scanner.tree is tree, "others hold it, so it is changed in place"
        assert tree == snapshot(root)
        assert changed == {change.path for change in diff(before, tree)}
        assert apply(before, diff(before, tree)) == tree


def test_two_saves_within_one_tick_of_the_clock_are_told_apart(root: Path) -> None:
    file = root / "x.py"
    file.write_bytes(b"0")
    scanner = scanned(root)

    for number in range(1, 60):
        file.write_bytes(b"%d" % (number % 10))

        assert scanner.rescan([b"x.py"]) == {b"x.py"}


def test_small_files_that_were_read_are_kept_until_the_next_look(root: Path) -> None:
    scanner = scanned(root)
    (root / "x.py").write_bytes(b"x")
    (root / "large").write_bytes(bytes(70_000))

    scanner.rescan([b"x.py", b"large"])

    assert scanner.contents == {scanner.tree[b"x.py"].digest: b"x"}

    (root / "y.py").write_bytes(b"y")
    scanner.rescan([b"y.py"])

    assert scanner.contents == {scanner.tree[b"y.py"].digest: b"y"}


def test_no_more_than_a_mebibyte_of_what_was_read_is_kept(root: Path) -> None:
    for number in range(30):
        (root / f"{number}").write_bytes(b"%02d" % number * 30_000)

    scanner = scanned(root)

    kept = sum(map(len, scanner.contents.values()))
    assert 900_000 < kept <= 1 << 20


def test_what_only_touched_a_file_is_no_change(root: Path) -> None:
    file = root / "x.py"
    file.write_bytes(b"x")
    scanner = scanned(root)

    os.utime(file)

    assert scanner.rescan([b"x.py"]) == frozenset()


def test_a_folder_that_was_replaced_by_another_is_read_anew(root: Path) -> None:
    for folder in ("a", "b"):
        (root / folder).mkdir()
        (root / folder / f"of-{folder}").write_text("")
    scanner = scanned(root)

    (root / "a").rename(root / "c")
    (root / "b").rename(root / "a")
    changed = scanner.rescan([b"a", b"b", b"c"])

    assert scanner.tree == snapshot(root)
    assert {b"a/of-a", b"a/of-b", b"b", b"c/of-a"} <= changed


def test_a_link_in_the_place_of_a_folder_is_not_followed(root: Path) -> None:
    (root / "pkg").mkdir()
    (root / "pkg" / "x").write_text("")
    (root / "other").mkdir()
    (root / "other" / "x").write_text("other")
    scanner = scanned(root)

    shutil.rmtree(root / "pkg")
    (root / "pkg").symlink_to("other")
    scanner.rescan([b"pkg/x"])

    assert scanner.tree == snapshot(root)


def test_a_link_that_comes_in_the_middle_of_a_path_is_not_followed(root: Path) -> None:
    (root / "elsewhere" / "sub").mkdir(parents=True)
    (root / "elsewhere" / "sub" / "x").write_text("")
    (root / "link").symlink_to("elsewhere")
    top = os.open(root, os.O_RDONLY)
    walk = Walk(top, Ignore.load(root), {})

    walk.look(b"link/sub/x")
    walk.descend(b"link/sub")
    os.close(top)

    assert walk.found == {}
    assert walk.problems == {}


def test_a_hint_below_a_folder_that_nobody_saw_come_finds_the_folder(
    root: Path,
) -> None:
    scanner = scanned(root)
    (root / "a" / "b").mkdir(parents=True)
    (root / "a" / "b" / "x").write_text("")
    (root / "a" / "y").write_text("")

    scanner.rescan([b"a/b/x"])

    assert scanner.tree == snapshot(root)


def test_a_rename_that_changes_only_the_case_is_a_rename(root: Path) -> None:
    (root / "Readme").write_text("x")
    scanner = scanned(root)

    (root / "Readme").rename(root / "README")

    assert scanner.rescan([b"Readme", b"README"]) == {b"Readme", b"README"}
    assert scanner.tree.keys() == {b"README"}


def test_where_case_is_folded_names_are_taken_from_the_listing(root: Path) -> None:
    (root / "Readme").write_text("x")
    top = os.open(root, os.O_RDONLY)
    walk = Walk(top, Ignore.load(root), {}, folds_case=True)

    walk.look(b"Readme")
    walk.look(b"readme")
    os.close(top)

    assert walk.found.keys() == {b"Readme"}


def test_a_file_with_two_names_is_looked_at_by_both(root: Path) -> None:
    (root / "a").write_text("1")
    (root / "sub").mkdir()
    scanner = scanned(root)

    (root / "sub" / "b").hardlink_to(root / "a")
    scanner.rescan([b"sub/b"])
    (root / "sub" / "b").write_text("22")
    changed = scanner.rescan([b"sub/b"])
    (root / "a").write_text("333")
    (root / "sub" / "b").unlink()
    scanner.rescan([b"a", b"sub/b"])

    assert changed == {b"a", b"sub/b"}
    assert scanner.tree == snapshot(root)


def test_what_is_ignored_is_not_looked_at(root: Path) -> None:
    (root / ".git").mkdir()
    (root / ".git" / "HEAD").write_text("ref")
    (root / "logs").mkdir()
    (root / "logs" / "x").write_text("")
    (root / "x.pyc").write_text("")

    scanner = scanned(root, "logs/")
    scanner.rescan([b"logs/x", b".git/HEAD", b"x.pyc", b"logs"])

    assert scanner.tree == {}


def test_what_an_excluded_folder_holds_is_found_with_the_folder(root: Path) -> None:
    (root / ".dockerignore").write_text("data\n!data/keep\n")
    for path in ("data/keep/x", "data/drop/y", "main.py"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("")
    scanner = scanned(root)
    found = set(scanner.tree)

    (root / "data" / "keep" / "x").unlink()
    (root / "data" / "keep").rmdir()
    scanner.rescan([b"data/keep/x", b"data/keep"])
    without = set(scanner.tree)
    (root / "data" / "keep").mkdir()
    scanner.rescan([b"data/keep"])

    assert found == {
        b".dockerignore",
        b"main.py",
        b"data",
        b"data/keep",
        b"data/keep/x",
    }
    assert without == {b".dockerignore", b"main.py"}
    assert set(scanner.tree) == {b".dockerignore", b"main.py", b"data", b"data/keep"}


def test_special_files_are_problems_and_no_entries(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "socket"))

        scanner = scanned(root)

    assert scanner.tree == {}
    assert {p: problem.reason for p, problem in scanner.problems.items()} == {
        b"pipe": "is a named pipe, which cannot be synced",
        b"socket": "is a socket, which cannot be synced",
    }
    (root / "pipe").unlink()
    scanner.rescan([b"pipe"])
    assert scanner.problems.keys() == {b"socket"}


def test_what_cannot_be_read_keeps_what_was_known_of_it(root: Path) -> None:
    (root / "pkg" / "sub").mkdir(parents=True)
    for path in ("file", "pkg/x", "pkg/sub/y"):
        (root / path).write_text("old")
    scanner = scanned(root)
    before = dict(scanner.tree)
    (root / "file").write_text("new")

    with unprivileged(root):
        (root / "file").chmod(0)
        (root / "pkg").chmod(0)
        changed = {*scanner.rescan([b"file", b"pkg"]), *scanner.scan()}
        problems = dict(scanner.problems)
        (root / "file").chmod(0o644)
        (root / "pkg").chmod(0o755)
    scanner.rescan([b"file", b"pkg"])

    assert changed == {b"pkg"}, "its mode"
    assert before.keys() == snapshot(root).keys()
    assert problems[b"file"].reason == problems[b"pkg"].reason == "permission denied"
    assert scanner.problems == {}
    assert scanner.tree == snapshot(root)


def test_what_could_never_be_read_is_not_known_to_be_gone(root: Path) -> None:
    (root / "pkg").mkdir()
    (root / "file").write_text("")
    os.mkfifo(root / "pipe")

    with unprivileged(root):
        (root / "file").chmod(0)
        (root / "pkg").chmod(0)
        scanner = scanned(root)
        unread = {
            path
            for path in (b"file", b"pkg", b"pkg/sub/x", b"filed", b"pipe", b"gone")
            if scanner.unread(path)
        }
        (root / "pkg").rmdir()
        (root / "file").unlink()
        changed = scanner.rescan([b"file", b"pkg"])

    assert unread == {b"file", b"pkg", b"pkg/sub/x"}
    assert changed == {b"file", b"pkg"}, "they are gone, and that is news"
    assert not scanner.unread(b"pkg/sub/x")


def test_a_folder_that_can_be_read_at_last_is_news_though_it_is_empty(
    root: Path,
) -> None:
    (root / "pkg").mkdir(mode=0o755)
    scanner = scanned(root)
    before = dict(scanner.tree)
    scanner.problems[b"pkg"] = Problem(b"pkg", "input/output error")

    assert scanner.scan() == {b"pkg"}
    assert scanner.tree == before


def test_a_file_that_changes_while_it_is_read_is_read_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = root / "big"
    file.write_bytes(b"1" * 1_000_000)
    scanner = scanned(root)
    before = scanner.tree[b"big"]
    readv = os.readv

    def write_then_read(fd: int, buffers: list[memoryview]) -> int:
        with file.open("ab") as stream:
            stream.write(b"2")
        return readv(fd, buffers)

    file.write_bytes(b"2" * 1_000_000)
    monkeypatch.setattr(os, "readv", write_then_read)
    while_written = scanner.rescan([b"big"])
    monkeypatch.undo()

    assert while_written == frozenset()
    assert scanner.tree[b"big"] == before
    assert scanner.problems[b"big"].reason == "changed while it was read"
    assert scanner.rescan([]) == {b"big"}
    assert scanner.tree[b"big"] == entry(file)
    assert scanner.problems == {}


def test_a_look_that_is_told_to_stop_reads_no_further(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scanner = scanned(root)
    (root / "big").write_bytes(bytes(1_000_000))
    readv, reads = os.readv, []

    def stop_then_read(fd: int, buffers: list[memoryview]) -> int:
        scanner.stop()
        reads.append(fd)
        return readv(fd, buffers)

    monkeypatch.setattr(os, "readv", stop_then_read)
    for look in (scanner.scan, lambda: scanner.rescan([b"big"])):
        with pytest.raises(Stopped):
            look()

    assert len(reads) == 1
    assert scanner.tree == {}


def test_a_root_that_vanished_is_no_deletion(root: Path) -> None:
    folder = root / "app"
    folder.mkdir()
    (folder / "x").write_text("")
    scanner = scanned(folder)
    known = dict(scanner.tree)
    folder.rename(root / "moved")

    for look in (scanner.scan, lambda: scanner.rescan([b"x"])):
        with pytest.raises(Halted, match="nothing is deleted") as caught:
            look()

        assert caught.value.hint
        assert scanner.tree == known

    (root / "moved").rename(folder)
    assert scanner.scan() == frozenset()


def test_an_empty_folder_in_the_place_of_the_root_is_no_deletion(root: Path) -> None:
    folder = root / "app"
    folder.mkdir()
    (folder / "x").write_text("")
    scanner = scanned(folder)
    known = dict(scanner.tree)
    folder.rename(root / "moved")
    folder.mkdir()

    for look in (scanner.scan, lambda: scanner.rescan([b"x"])):
        with pytest.raises(Halted, match="replaced by an empty one"):
            look()

    assert scanner.tree == known


def test_an_empty_root_that_is_another_is_no_deletion_though_it_looks_the_same(
    root: Path,
) -> None:
    (root / "x").write_text("")
    scanner = scanned(root)
    (root / "x").unlink()
    scanner.lose()

    for look in (scanner.scan, lambda: scanner.rescan([b"x"])):
        with pytest.raises(Halted, match="replaced by an empty one"):
            look()

    (root / "y").write_text("")
    assert scanner.rescan([b"y"]) == {b"x", b"y"}


def test_a_root_that_was_emptied_is_empty(root: Path) -> None:
    (root / "x").write_text("")
    scanner = scanned(root)
    (root / "x").unlink()

    assert scanner.scan() == {b"x"}
    assert scanner.tree == {}


def test_another_root_in_the_same_place_is_read_whole(root: Path) -> None:
    folder = root / "app"
    for name in ("app", "next"):
        (root / name).mkdir()
        (root / name / f"of-{name}").write_text("")
    scanner = scanned(folder)
    folder.rename(root / "before")
    (root / "next").rename(folder)

    assert scanner.rescan([]) == {b"of-app", b"of-next"}


def test_a_root_that_is_a_link_is_the_folder_it_points_to(root: Path) -> None:
    (root / "real").mkdir()
    (root / "real" / "x").write_text("")
    (root / "link").symlink_to("real")

    assert scanned(root / "link").tree == snapshot(root / "real")


def test_a_path_of_four_kibibytes_is_an_entry_like_any_other(root: Path) -> None:
    name = b"n" * 250
    folder = os.open(root, os.O_RDONLY)
    for _ in range(16):
        os.mkdir(name, dir_fd=folder)
        below = os.open(name, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    file = os.open(b"f" * 250, os.O_WRONLY | os.O_CREAT, dir_fd=folder)
    path = b"/".join([name] * 16 + [b"f" * 250])

    scanner = scanned(root)
    os.write(file, b"x")
    os.close(file)
    os.close(folder)

    assert len(path) > 4096
    assert path in scanner.tree
    assert scanner.scan() == {path}


def test_rules_that_changed_with_a_folder_count_in_it(root: Path) -> None:
    for name, rule in (("old", "x\n"), ("new", "y\n")):
        (root / name).mkdir()
        (root / name / ".syncdignore").write_text(rule)
        (root / name / "x").write_text("")
        (root / name / "y").write_text("")
    scanner = scanned(root)

    shutil.rmtree(root / "old")
    (root / "new").rename(root / "old")
    scanner.rescan([b"old", b"new"])

    assert set(scanner.tree) == {b"old", b"old/.syncdignore", b"old/x"}


def test_a_rule_file_that_changed_counts_in_the_same_scan(root: Path) -> None:
    (root / "x.log").write_text("")
    (root / "y.md").write_text("")
    (root / ".syncdignore").write_text("*.log\n")
    scanner = scanned(root)

    (root / ".syncdignore").write_text("*.md\n")
    changed = scanner.scan()

    assert changed == {b".syncdignore", b"x.log", b"y.md"}
    assert set(scanner.tree) == {b".syncdignore", b"x.log"}


class Interrupted(Ignore):
    """Rules while they are read again: something happens before the new ones stand."""

    meanwhile: Callable[[], object] | None = None

    def _with_files(self, layers: Layers, folder: bytes) -> Layers:
        if self.meanwhile is not None:
            self.meanwhile()
        return super()._with_files(layers, folder)


def test_a_scan_while_the_rules_are_read_again_keeps_nothing_that_they_ignore(
    root: Path,
) -> None:
    (root / "app").mkdir()
    (root / "app" / "x.log").write_text("")
    ignore = Interrupted(root / "app", (), "ignore", root)
    scanner = Scanner(root / "app", ignore)
    scanner.scan()

    (root / ".syncdignore").write_text("*.log\n")
    ignore.meanwhile = scanner.scan
    ignore.reload()
    ignore.meanwhile = None
    scanner.scan()

    assert scanner.tree == {}


def test_what_is_ignored_from_now_on_is_told_from_what_is_gone(root: Path) -> None:
    (root / "data").mkdir()
    for name in ("data/x", "gone", "main.py"):
        (root / name).write_text("")
    scanner = scanned(root)

    (root / ".syncdignore").write_text("data/\n")
    (root / "gone").unlink()
    changed = scanner.scan()
    dropped = scanner.dropped
    (root / "main.py").unlink()
    scanner.rescan([b"main.py"])

    assert changed == {b".syncdignore", b"data", b"data/x", b"gone"}
    assert dropped == {b"data", b"data/x"}
    assert scanner.dropped == set()


def test_bad_rules_are_a_problem_and_the_old_ones_stand(root: Path) -> None:
    (root / "x.log").write_text("")
    (root / ".dockerignore").write_text("*.log\n")
    scanner = scanned(root)

    (root / ".dockerignore").write_text("[\n")
    scanner.scan()

    assert set(scanner.tree) == {b".dockerignore"}
    assert "Docker refuses" in scanner.problems[b".dockerignore"].reason


def test_a_file_in_the_place_of_a_folder_is_asked_about_anew(root: Path) -> None:
    (root / "build").mkdir()
    scanner = scanned(root, "build", "!build/")
    found = set(scanner.tree)

    (root / "build").rmdir()
    (root / "build").write_text("")
    scanner.scan()

    assert found == {b"build"}
    assert scanner.tree == {}

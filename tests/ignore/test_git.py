import tempfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings, strategies as st

from syncd.ignore import Ignore
from tests.examples import examples
from tests.ignore.repository import ignored_by_git, plant


_NAMES = [
    *(b"a", b"b", b"ab", b"foo", b"bar", b"foobar", b"a.py", b"b.txt", b"x y", b"[a]"),
    *(b"a-b", b"a\xff", b"*", b"\\a", b"!a", b"#a", b"a ", b"A1", b"]", b"new\nline"),
]
_ATOMS = [
    *(b"a", b"b", b"foo", b"bar", b"*", b"**", b"***", b"?", b"/", b"/", b"/", b"[ab]"),
    *(b"[!a]", b"[^a]", b"[a-c]", b"[[:alpha:]]", b"[[:digit:]x]", b"[]a]", b"[a"),
    *(
        b"\\",
        b"\\a",
        b"\\*",
        b".py",
        b" ",
        b"\\ ",
        b"[\\]]",
        b"[a-]",
        b"[--0]",
        b"\xff",
    ),
    *(b"x y", b"[/]", b"[!/]", b"1", b"[[:x:]]", b"[[:", b"[a-\\c]", b"#"),
]

names = st.sampled_from(_NAMES)
paths = st.lists(names, min_size=1, max_size=4).map(b"/".join)
patterns = st.builds(
    lambda negated, anchored, atoms, folder: (
        negated + anchored + b"".join(atoms) + folder
    ),
    st.sampled_from([b"", b"", b"", b"!"]),
    st.sampled_from([b"", b"", b"", b"", b"", b"/"]),
    st.lists(st.sampled_from(_ATOMS), min_size=1, max_size=5),
    st.sampled_from([b"", b"", b"", b"/"]),
)
endings = st.sampled_from([b"\n", b"\n", b"\r\n"])
rule_files = st.builds(
    lambda lines, ending: ending.join(lines) + ending,
    st.lists(patterns, min_size=1, max_size=4),
    endings,
)


@st.composite
def repositories(draw: st.DrawFn) -> tuple[Mapping[bytes, bytes], set[bytes]]:
    """Files with their content, among them rules in several places, and folders."""
    wanted = draw(st.lists(paths, min_size=5, max_size=25, unique=True))
    folders = {p.rpartition(b"/")[0] for p in wanted}
    folders |= {p[:i] for p in wanted for i, c in enumerate(p) if c == ord("/")}
    folders.discard(b"")
    files: dict[bytes, bytes] = {p: b"" for p in wanted if p not in folders}
    places = [b"", *(folder + b"/" for folder in sorted(folders))]
    for place in draw(st.sets(st.sampled_from(places), max_size=3)) | {b""}:
        files[place + b".gitignore"] = draw(rule_files)
    files[b".git/info/exclude"] = draw(st.just(b"") | rule_files)
    return files, folders


@settings(max_examples=examples(40))
@given(repositories())
def test_git_ignores_the_same_paths(
    repository: tuple[Mapping[bytes, bytes], set[bytes]],
) -> None:
    files, folders = repository
    asked = [p for p in files if not p.startswith(b".git/")] + sorted(folders)
    with tempfile.TemporaryDirectory() as name:
        plant(Path(name), files, folders)
        ignore = Ignore.load(Path(name))

        found = {path: ignore.ignored(path, is_dir=path in folders) for path in asked}

        assert found == ignored_by_git(Path(name), asked)


@pytest.mark.parametrize(
    ("rules", "path", "ignored"),
    [
        pytest.param(b"build/\n", b"build/x", True, id="a folder with all in it"),
        pytest.param(b"build/\n", b"src/build", False, id="a file is no folder"),
        pytest.param(b"/build\n", b"src/build", False, id="from the root only"),
        pytest.param(b"a/b\n", b"x/a/b", False, id="a slash ties to the folder"),
        pytest.param(b"a/**/b\n", b"a/b", True, id="two stars may be no folder"),
        pytest.param(b"a/**\n", b"a/b/c", True, id="two stars may be many folders"),
        pytest.param(b"*.log\n!keep.log\n", b"x/keep.log", False, id="taken back"),
        pytest.param(b"d/\n!d/keep\n", b"d/keep", True, id="too deep to take back"),
        pytest.param(b"foo**/bar\n", b"fooX/y/bar", True, id="a quirk of git's"),
        pytest.param(b"\xef\xbb\xbfa\n", b"a", True, id="a byte order mark"),
        pytest.param(b"a\r\n", b"a", True, id="a carriage return"),
        pytest.param(b"a  \n", b"a", True, id="trailing spaces"),
        pytest.param(b"a\\ \n", b"a ", True, id="an escaped space"),
        pytest.param(b"\\#a\n", b"#a", True, id="no comment"),
        pytest.param(b"\\!a\n", b"!a", True, id="no exception"),
        pytest.param(b"[a\n", b"[a", False, id="a bracket that never closes"),
        pytest.param(b"a\\\n", b"a\\", False, id="a backslash that escapes nothing"),
        pytest.param(b"\xff\n", b"\xff", True, id="bytes that are no text"),
    ],
)
def test_patterns_mean_what_they_mean_to_git(
    tmp_path: Path, rules: bytes, path: bytes, ignored: bool
) -> None:
    plant(tmp_path, {b".gitignore": rules, path: b""}, [])

    assert Ignore.load(tmp_path).ignored(path, is_dir=False) is ignored
    assert ignored_by_git(tmp_path, [path]) == {path: ignored}


def test_rules_above_the_root_count_up_to_the_repository(tmp_path: Path) -> None:
    repository = tmp_path / "repo"
    plant(
        repository,
        {
            b".gitignore": b"*.top\n/apps/web/anchored\n",
            b"apps/.gitignore": b"!kept.top\n",
            b".git/info/exclude": b"excluded\n",
            b"apps/web/x": b"",
        },
        [],
    )
    (tmp_path / ".gitignore").write_text("outside\n")

    ignore = Ignore.load(repository / "apps" / "web")

    assert ignore.ignored(b"x.top", is_dir=False)
    assert not ignore.ignored(b"sub/kept.top", is_dir=False)
    assert ignore.ignored(b"anchored", is_dir=False)
    assert ignore.ignored(b"sub/excluded", is_dir=False)
    assert not ignore.ignored(b"outside", is_dir=False)


def test_a_root_that_is_ignored_itself_was_asked_for(tmp_path: Path) -> None:
    plant(tmp_path, {b".gitignore": b"build/\n", b"build/x": b""}, [])

    assert not Ignore.load(tmp_path / "build").ignored(b"x", is_dir=False)


def test_a_linked_working_tree_finds_its_repository(tmp_path: Path) -> None:
    plant(tmp_path / "main", {b".git/info/exclude": b"excluded\n"}, [])
    own = tmp_path / "main" / ".git" / "worktrees" / "linked"
    own.mkdir(parents=True)
    (own / "commondir").write_text("../..\n")
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / ".git").write_text(f"gitdir: {own}\n")

    ignore = Ignore.load(tmp_path / "linked")

    assert ignore.ignored(b"excluded", is_dir=False)
    assert ignore.repository is not None
    assert ignore.repository.lock == own / "index.lock"


def test_a_gitignore_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    plant(tmp_path, {b"rules": b"a\n", b"a": b""}, [])
    (tmp_path / ".gitignore").symlink_to("rules")

    assert not Ignore.load(tmp_path).ignored(b"a", is_dir=False)
    assert ignored_by_git(tmp_path, [b"a"]) == {b"a": False}


def test_an_exclude_file_that_is_a_link_is_followed(tmp_path: Path) -> None:
    plant(tmp_path, {b"rules": b"a\n", b"a": b""}, [])
    (tmp_path / ".git" / "info" / "exclude").symlink_to("../../rules")

    assert Ignore.load(tmp_path).ignored(b"a", is_dir=False)
    assert ignored_by_git(tmp_path, [b"a"]) == {b"a": True}

from hashlib import sha256

import pytest
from hypothesis import given, strategies as st

from syncd.tree import Change, Entry, Kind, Tree, apply, diff, diff_paths


F1 = Entry(Kind.FILE, 0o644, 1, sha256(b"1").digest())
F2 = Entry(Kind.FILE, 0o644, 1, sha256(b"2").digest())
FX = Entry(Kind.FILE, 0o755, 1, sha256(b"1").digest())
D = Entry(Kind.DIR, 0o755)
L1 = Entry(Kind.LINK, target=b"there")
L2 = Entry(Kind.LINK, target=b"elsewhere")

names = st.sampled_from([b"a", b"b", b"A", b"a b", b"\xff", b"new\nline", b"-"])
paths = st.lists(names, min_size=1, max_size=3).map(b"/".join)
entries = st.sampled_from([F1, F2, FX, D, L1, L2])
trees = st.dictionaries(paths, entries, max_size=8)
edits = st.lists(st.tuples(paths, st.none() | entries), max_size=6)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Tree, Tree]:
    """A tree, and one that was made of it by a few edits."""
    old = draw(trees)
    new = dict(old)
    for path, entry in draw(edits):
        if entry is None:
            new.pop(path, None)
        else:
            new[path] = entry
    return old, new


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        pytest.param({}, {}, [], id="nothing"),
        pytest.param({b"f": F1}, {b"f": F1}, [], id="the same"),
        pytest.param({}, {b"f": F1}, [(b"f", F1)], id="a file comes"),
        pytest.param({b"f": F1}, {}, [(b"f", None)], id="a file goes"),
        pytest.param({b"f": F1}, {b"f": F2}, [(b"f", F2)], id="other content"),
        pytest.param({b"f": F1}, {b"f": FX}, [(b"f", FX)], id="other mode"),
        pytest.param({b"f": F1}, {b"f": L1}, [(b"f", L1)], id="a link for a file"),
        pytest.param({b"l": L1}, {b"l": L2}, [(b"l", L2)], id="another target"),
        pytest.param(
            {b"d": D, b"d/f": F1},
            {b"d": F1},
            [(b"d", F1), (b"d/f", None)],
            id="a file for a folder",
        ),
        pytest.param(
            {b"a": F1}, {b"A": F1}, [(b"A", F1), (b"a", None)], id="another case"
        ),
    ],
)
def test_a_difference_names_what_must_be_done(
    old: Tree, new: Tree, changes: list[tuple[bytes, Entry | None]]
) -> None:
    assert diff(old, new) == tuple(Change(*change) for change in changes)


@given(pairs())
def test_applying_a_difference_gives_the_new_tree(pair: tuple[Tree, Tree]) -> None:
    old, new = pair

    assert apply(old, diff(old, new)) == new


@given(trees)
def test_a_tree_does_not_differ_from_itself(tree: Tree) -> None:
    assert diff(tree, dict(tree)) == ()


@given(pairs(), st.sets(paths, max_size=3))
def test_a_difference_is_sorted_and_names_each_path_once(
    pair: tuple[Tree, Tree], doubt: set[bytes]
) -> None:
    found = [change.path for change in diff(*pair, doubt)]

    assert found == sorted(set(found))


@given(pairs(), st.sets(paths, max_size=3))
def test_a_path_in_doubt_is_always_among_the_changes(
    pair: tuple[Tree, Tree], doubt: set[bytes]
) -> None:
    old, new = pair

    changes = diff(old, new, doubt)

    assert doubt <= {change.path for change in changes}
    assert apply(old, changes) == new


@given(pairs(), st.sets(paths, max_size=5), st.sets(paths, max_size=3))
def test_looking_at_some_paths_finds_what_looking_at_all_finds_there(
    pair: tuple[Tree, Tree], some: set[bytes], doubt: set[bytes]
) -> None:
    everywhere = diff(*pair, doubt)

    found = diff_paths(*pair, some, doubt)

    assert found == tuple(c for c in everywhere if c.path in some | doubt)


def test_the_stamp_of_an_entry_is_no_part_of_its_value() -> None:
    assert Entry(Kind.FILE, stamp=1) == Entry(Kind.FILE, stamp=2)

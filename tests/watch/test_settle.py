import pytest
from hypothesis import given, strategies as st

from syncd.watch import Hints, Quiet, Settler


MS = 1e-3
LONE, BURST, CAP = 10 * MS, 50 * MS, 1000 * MS


def settler() -> Settler:
    return Settler(Quiet())


def test_nothing_is_never_due() -> None:
    assert settler().due is None


def test_a_lone_save_is_due_after_the_short_quiet() -> None:
    s = settler()
    s.note(5.0, 0, b"pkg/x.py")
    s.note(5.0 + 2 * MS, 0, b"pkg/x.py")

    assert s.due == pytest.approx(5.0 + 2 * MS + LONE)


def test_a_file_that_is_still_open_is_given_the_long_quiet() -> None:
    s = settler()
    s.note(5.0, 0, b"x.py", unfinished=True)
    while_open = s.due
    s.note(5.0 + MS, 0, b"x.py")

    assert while_open == pytest.approx(5.0 + BURST)
    assert s.due == pytest.approx(5.0 + MS + LONE)


@pytest.mark.parametrize("others", [1, 2, 3])
def test_a_save_by_way_of_names_that_come_and_go_is_lone(others: int) -> None:
    s = settler()
    for number in range(others):
        s.note(5.0, 0, b"pkg/tmp%d" % number, born=True)
        s.note(5.0, 0, b"pkg/tmp%d" % number, gone=True)
    s.note(5.0, 0, b"pkg/x.py", born=True)

    assert s.due == pytest.approx(5.0 + LONE)


@pytest.mark.parametrize(
    "second",
    [
        pytest.param((0, b"pkg/y.py"), id="another file"),
        pytest.param((0, b"x.py"), id="another folder"),
        pytest.param((1, b"pkg/x.py"), id="another root"),
    ],
)
def test_two_changes_are_a_burst(second: tuple[int, bytes]) -> None:
    s = settler()
    s.note(5.0, 0, b"pkg/x.py")
    s.note(5.0 + MS, *second)

    assert s.due == pytest.approx(5.0 + MS + BURST)


def test_a_file_that_went_is_given_the_long_quiet_to_come_back() -> None:
    s = settler()
    s.note(5.0, 0, b"x.py", gone=True)
    while_gone = s.due
    s.note(5.0 + MS, 0, b"x.py", born=True)

    assert while_gone == pytest.approx(5.0 + BURST)
    assert s.due == pytest.approx(5.0 + MS + LONE)


def test_a_rename_is_no_lone_save() -> None:
    s = settler()
    s.note(5.0, 0, b"old.py", gone=True)
    s.note(5.0, 0, b"new.py", born=True)

    assert s.due == pytest.approx(5.0 + BURST)


def test_constant_writing_is_due_at_the_cap() -> None:
    s = settler()
    for tick in range(200):
        s.note(5.0 + tick * 8 * MS, 0, b"log")

    assert s.due == pytest.approx(5.0 + CAP)


def test_a_lost_root_is_due_at_once_and_takes_its_paths_along() -> None:
    s = settler()
    s.note(5.0, 0, b"x")
    s.note(5.0, 1, b"y")
    s.note_lost(5.1, 0)

    due = s.due

    assert due is not None
    assert due <= 5.1
    assert s.take() == Hints(5.0, {1: frozenset({b"y"})}, lost=frozenset({0}))


def test_a_root_that_was_replaced_is_told_as_both_when_it_is_quiet() -> None:
    s = settler()
    s.note_lost(5.0, 0)
    s.note_everything(5.0, 0)

    assert s.due is not None
    assert s.due > 5.0
    assert s.take() == Hints(5.0, {}, everything=frozenset({0}), lost=frozenset({0}))


def test_everything_in_a_root_needs_no_paths() -> None:
    s = settler()
    s.note(5.0, 0, b"x")
    s.note(5.0, 1, b"y")
    s.note_everything(5.1, 0)

    assert s.take() == Hints(5.0, {1: frozenset({b"y"})}, everything=frozenset({0}))


def test_taking_starts_anew() -> None:
    s = settler()
    s.note(5.0, 0, b"x")
    s.take()
    after = s.due
    s.note(7.0, 0, b"y")

    assert after is None
    assert s.take() == Hints(7.0, {0: frozenset({b"y"})})


def test_a_question_is_due_as_soon_as_a_lone_save_and_answered_once() -> None:
    s = settler()

    assert s.ask(5.0) == 1
    assert s.due == pytest.approx(5.0 + LONE)
    assert s.take() == Hints(5.0, {}, asked=1)
    assert s.due is None
    s.note(6.0, 0, b"x")
    assert s.ask(6.0) == 2
    assert s.take() == Hints(6.0, {0: frozenset({b"x"})}, asked=2)


def test_a_question_waits_for_the_end_of_the_writing() -> None:
    s = settler()
    s.ask(5.0)
    s.note(5.0, 0, b"x", unfinished=True)

    assert s.due == pytest.approx(5.0 + BURST)


notes = st.tuples(
    st.floats(0, 0.4),
    st.integers(0, 1),
    st.sampled_from([b"a", b"b", b"d/a", b"d/b"]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(st.lists(notes, min_size=1, max_size=60))
def test_all_is_told_and_nothing_waits_longer_than_the_cap(
    happenings: list[tuple[float, int, bytes, bool, bool, bool]],
) -> None:
    s = settler()
    now, told, noted = 1.0, set[tuple[int, bytes]](), set[tuple[int, bytes]]()
    oldest: float | None = None
    for pause_s, root, path, born, gone, unfinished in happenings:
        due = s.due
        if due is not None and due <= now + pause_s:
            assert oldest is not None
            assert due <= oldest + CAP + MS
            hints = s.take()
            assert hints.at == oldest
            told |= {(r, p) for r, found in hints.paths.items() for p in found}
            oldest = None
        now += pause_s
        oldest = now if oldest is None else oldest
        noted.add((root, path))
        s.note(now, root, path, born=born, gone=gone, unfinished=unfinished)
    told |= {(r, p) for r, found in s.take().paths.items() for p in found}

    assert told == noted

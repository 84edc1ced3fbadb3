from collections.abc import Sequence
from typing import Any

import pytest

from syncd.reload import Broke
from syncd.session.link import Fate, ReloadAnswer
from syncd.session.told import RELOADER, Told, Unanswered
from syncd.session.verdicts import Failed, Hangs, NoReload, Reloaded


BROKE = Broke("SyntaxError: invalid syntax", "/app/main.py", 3, ())
CODE = ((0, b"a.py"),)


@pytest.fixture
def told() -> Told:
    return Told()


def answer(number: int, fate: Fate, **facts: Any) -> ReloadAnswer:
    return ReloadAnswer(number, fate, **facts)


def apply(told: Told, batches: Sequence[int], *numbers: int) -> tuple[Any, ...]:
    return told.applied(batches, numbers, CODE, 10.0)


def test_batches_that_landed_together_are_answered_together(told: Told) -> None:
    steps = {"total_ms": 80.0}
    apply(told, [1, 2], 7)

    assert told.answered(answer(7, Fate.SERVED, steps=steps), 10.125) == (
        Reloaded(1, 125.0, steps),
        Reloaded(2, 125.0, steps),
    )
    assert told.due_s is None


def test_the_reloader_says_what_needs_no_reload(told: Told) -> None:
    apply(told, [1], 7)

    assert told.answered(answer(7, Fate.KEPT), 10.1) == (NoReload(1),)


def test_the_reloader_says_what_does_not_start(told: Told) -> None:
    apply(told, [1], 7)

    said = told.answered(answer(7, Fate.FAILED, broke=BROKE), 10.1)

    assert said == (Failed((1,), BROKE),)


@pytest.mark.parametrize(
    ("one", "other", "verdict"),
    [
        (Fate.KEPT, Fate.SERVED, Reloaded(1, 250.0)),
        (Fate.SERVED, Fate.KEPT, Reloaded(1, 250.0)),
        (Fate.KEPT, Fate.KEPT, NoReload(1)),
        (Fate.FAILED, Fate.SERVED, Failed((1,), BROKE)),
        (Fate.UNKNOWN, Fate.KEPT, Unanswered((1,), CODE)),
    ],
)
def test_a_batch_over_two_roots_is_answered_when_both_are(
    told: Told, one: Fate, other: Fate, verdict: object
) -> None:
    apply(told, [1], 7, 8)
    first = answer(7, one, broke=BROKE if one is Fate.FAILED else None)

    assert told.answered(first, 10.1) == ()
    assert told.answered(answer(8, other), 10.25) == (verdict,)


def test_an_answer_may_come_before_the_acknowledgement(told: Told) -> None:
    assert told.answered(answer(7, Fate.KEPT), 10.0) == ()

    assert apply(told, [1], 7) == (NoReload(1),)
    assert told.due_s is None


def test_where_the_reloader_has_no_answer_the_log_is_gone_by(told: Told) -> None:
    apply(told, [1], 7)

    assert told.answered(answer(7, Fate.UNKNOWN), 10.1) == (Unanswered((1,), CODE),)


def test_a_reloader_that_hangs_is_told_once(told: Told) -> None:
    apply(told, [1], 7)

    assert told.due_s == 15.0
    assert told.overdue(14.9) == ()
    assert told.overdue(15.0) == (Hangs((1,), RELOADER),)
    assert told.overdue(30.0) == ()
    assert told.answered(answer(7, Fate.SERVED), 40.0) == (Reloaded(1, 30_000.0),)

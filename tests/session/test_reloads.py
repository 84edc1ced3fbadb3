from typing import Any

import pytest

from syncd.reload import Armed, Began, Broke, Serving
from syncd.session.link import Fate, ReloadAnswer
from syncd.session.reloads import (
    RELOADER,
    Failed,
    Hangs,
    Missed,
    NoReload,
    Reloaded,
    Reloads,
)


BROKE = Broke("SyntaxError: invalid syntax", "/app/main.py", 3, ())


@pytest.fixture
def reloads() -> Reloads:
    return Reloads("uvicorn")


def test_a_batch_is_answered_by_the_reload_that_began_after_it(
    reloads: Reloads,
) -> None:
    assert reloads.applied(1, [b"main.py"], 10.0, 10.0) == ()
    assert reloads.seen(Began("uvicorn"), 10.1) == ()

    assert reloads.seen(Serving("uvicorn"), 10.5) == (Reloaded(1, 500.0),)
    assert reloads.due_s is None


def test_two_batches_that_land_in_one_reload_are_both_answered(
    reloads: Reloads,
) -> None:
    reloads.applied(1, [b"a.py"], 10.0, 10.0)
    reloads.applied(2, [b"b.py"], 10.1, 10.1)
    reloads.seen(Began("uvicorn"), 10.2)

    verdicts = reloads.seen(Serving("uvicorn"), 10.5)

    assert [v.batch for v in verdicts if isinstance(v, Reloaded)] == [1, 2]


def test_a_batch_that_came_during_a_reload_waits_for_the_next(
    reloads: Reloads,
) -> None:
    reloads.applied(1, [b"a.py"], 10.0, 10.0)
    reloads.seen(Began("uvicorn"), 10.1)
    reloads.applied(2, [b"a.py"], 10.2, 10.2)

    first = reloads.seen(Serving("uvicorn"), 10.5)
    reloads.seen(Began("uvicorn"), 10.6)
    second = reloads.seen(Serving("uvicorn"), 10.9)

    assert [v.batch for v in first if isinstance(v, Reloaded)] == [1]
    assert [v.batch for v in second if isinstance(v, Reloaded)] == [2]


def test_a_batch_without_code_needs_no_reload(reloads: Reloads) -> None:
    assert reloads.applied(1, [b"style.css", b"page.html"], 10.0, 10.0) == (
        NoReload(1),
    )


def test_code_that_does_not_start_is_told_with_its_batches(reloads: Reloads) -> None:
    reloads.applied(1, [b"a.py"], 10.0, 10.0)
    reloads.seen(Began("uvicorn"), 10.1)

    assert reloads.seen(BROKE, 10.4) == (Failed((1,), BROKE),)
    assert reloads.due_s is None


def test_a_traceback_that_answers_no_batch_is_the_program_s_own(
    reloads: Reloads,
) -> None:
    assert reloads.seen(BROKE, 10.0) == ()


def test_a_change_that_nobody_noticed_is_told_once(reloads: Reloads) -> None:
    reloads.applied(1, [b"new.py"], 10.0, 10.0)

    assert reloads.due_s == 12.0
    assert reloads.overdue(11.9) == ()
    assert reloads.overdue(12.0) == (Missed(1, b"new.py"),)
    assert reloads.overdue(20.0) == ()


def test_a_reload_that_hangs_is_told_after_five_seconds(reloads: Reloads) -> None:
    reloads.applied(1, [b"a.py"], 10.0, 10.0)
    reloads.seen(Began("uvicorn"), 10.1)

    assert reloads.overdue(15.0) == ()
    assert reloads.overdue(15.2) == (Hangs((1,), "uvicorn"),)
    assert reloads.overdue(30.0) == ()


def test_nothing_is_missed_by_a_server_that_does_not_reload() -> None:
    reloads = Reloads()
    reloads.seen(Serving("uvicorn"), 9.0)
    reloads.applied(1, [b"a.py"], 10.0, 10.0)

    assert reloads.due_s is None
    assert reloads.overdue(60.0) == ()


def test_a_server_is_known_to_reload_once_it_says_so() -> None:
    reloads = Reloads()
    reloads.seen(Armed("uvicorn"), 9.0)
    reloads.applied(1, [b"a.py"], 10.0, 10.0)

    assert reloads.overdue(12.0) == (Missed(1, b"a.py"),)


def test_a_reload_that_began_before_the_batch_was_sent_does_not_answer_it(
    reloads: Reloads,
) -> None:
    reloads.seen(Began("uvicorn"), 9.0)
    reloads.applied(1, [b"a.py"], 9.5, 9.6)

    assert reloads.seen(Serving("uvicorn"), 9.9) == ()
    reloads.seen(Began("uvicorn"), 10.0)
    assert reloads.seen(Serving("uvicorn"), 10.6) == (Reloaded(1, 1000.0),)


def test_a_reload_that_was_heard_of_before_the_acknowledgement_answers_it(
    reloads: Reloads,
) -> None:
    reloads.seen(Began("uvicorn"), 9.55)
    reloads.applied(1, [b"a.py"], 9.5, 9.6)

    assert reloads.seen(Serving("uvicorn"), 10.6) == (Reloaded(1, 1000.0),)


def answer(number: int, fate: Fate, **facts: Any) -> ReloadAnswer:
    return ReloadAnswer(number, fate, **facts)


def test_what_the_reloader_was_told_is_answered_by_it_and_not_by_the_log(
    reloads: Reloads,
) -> None:
    steps = {"total_ms": 80.0}
    reloads.told(7, [1, 2], [b"a.py"], 10.0)

    assert reloads.seen(Serving("uvicorn"), 10.05) == ()
    assert reloads.answered(answer(7, Fate.SERVED, steps=steps), 10.125) == (
        Reloaded(1, 125.0, steps),
        Reloaded(2, 125.0, steps),
    )
    assert reloads.due_s is None


def test_the_reloader_says_what_needs_no_reload(reloads: Reloads) -> None:
    reloads.told(7, [1], [b"a.css"], 10.0)

    assert reloads.answered(answer(7, Fate.KEPT), 10.1) == (NoReload(1),)


def test_the_reloader_says_what_does_not_start(reloads: Reloads) -> None:
    reloads.told(7, [1], [b"a.py"], 10.0)

    verdicts = reloads.answered(answer(7, Fate.FAILED, broke=BROKE), 10.1)

    assert verdicts == (Failed((1,), BROKE),)


def test_what_the_comparison_brought_may_fail_without_a_batch(reloads: Reloads) -> None:
    verdicts = reloads.answered(answer(7, Fate.FAILED, broke=BROKE), 10.1)

    assert verdicts == (Failed((), BROKE),)


def test_an_answer_may_come_before_the_acknowledgement(reloads: Reloads) -> None:
    assert reloads.answered(answer(7, Fate.KEPT), 10.0) == ()

    assert reloads.told(7, [1], [b"a.css"], 10.1) == (NoReload(1),)
    assert reloads.due_s is None


def test_where_the_reloader_has_no_answer_the_log_is_gone_by(reloads: Reloads) -> None:
    reloads.told(7, [1], [b"a.py"], 10.0)
    reloads.told(8, [2], [b"a.css"], 10.0)

    assert reloads.answered(answer(7, Fate.UNKNOWN), 10.1) == ()
    assert reloads.answered(answer(8, Fate.UNKNOWN), 10.1) == (NoReload(2),)
    assert reloads.seen(Serving("uvicorn"), 10.5) == (Reloaded(1, 500.0),)


def test_a_reloader_that_hangs_is_told_once() -> None:
    reloads = Reloads()
    reloads.told(7, [1], [b"a.py"], 10.0)

    assert reloads.due_s == 15.0
    assert reloads.overdue(15.0) == (Hangs((1,), RELOADER),)
    assert reloads.overdue(30.0) == ()
    assert reloads.answered(answer(7, Fate.SERVED), 40.0) == (Reloaded(1, 30_000.0),)

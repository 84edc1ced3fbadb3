from collections.abc import Iterable

import pytest

from syncd.reload import Anew, Armed, Began, Broke, Holds, Serving, Sign
from syncd.session.reloads import Reloads
from syncd.session.verdicts import (
    Failed,
    Hangs,
    Missed,
    NoReload,
    Reloaded,
    Unseen,
    Unwatched,
    Verdict,
)
from syncd.session.waiting import Times


BROKE = Broke("SyntaxError: invalid syntax", "/app/main.py", 3, ())
UVICORN = (Armed("uvicorn"), Anew("uvicorn"), Serving("uvicorn"))


def known(*signs: Sign) -> Reloads:
    """Return the reloads of a program whose log began with `signs`."""
    reloads = Reloads()
    for sign in signs:
        reloads.recall(sign)
    return reloads


@pytest.fixture
def reloads() -> Reloads:
    return known(*UVICORN)


def apply(
    reloads: Reloads,
    batch: int,
    path: bytes,
    sent_s: float,
    now: float | None = None,
    landed_at_s: float | None = None,
) -> tuple[Verdict, ...]:
    times = Times(sent_s, sent_s if now is None else now, landed_at_s)
    return reloads.applied([batch], [(0, path)], times)


def see(reloads: Reloads, *signs: tuple[Sign, float]) -> list[Verdict]:
    return [verdict for sign, now in signs for verdict in reloads.seen(sign, now)]


def batches(verdicts: Iterable[Verdict]) -> list[int]:
    return [v.batch for v in verdicts if isinstance(v, Reloaded)]


BEGAN, ANEW, SERVING = Began("uvicorn"), Anew("uvicorn"), Serving("uvicorn")


def test_a_batch_is_answered_by_the_reload_that_began_after_it(
    reloads: Reloads,
) -> None:
    assert apply(reloads, 1, b"main.py", 10.0) == ()

    said = see(reloads, (BEGAN, 10.1), (ANEW, 10.4), (SERVING, 10.5))

    assert said == [Reloaded(1, 500.0)]
    assert reloads.due_s is None


def test_two_batches_that_land_in_one_reload_are_both_answered(
    reloads: Reloads,
) -> None:
    apply(reloads, 1, b"a.py", 10.0)
    apply(reloads, 2, b"b.py", 10.1)

    said = see(reloads, (BEGAN, 10.2), (ANEW, 10.4), (SERVING, 10.5))

    assert batches(said) == [1, 2]


def test_a_batch_that_came_during_a_reload_waits_for_the_next(
    reloads: Reloads,
) -> None:
    apply(reloads, 1, b"a.py", 10.0)
    see(reloads, (BEGAN, 10.1))
    apply(reloads, 2, b"a.py", 10.2)

    first = see(reloads, (ANEW, 10.4), (SERVING, 10.5))
    second = see(reloads, (BEGAN, 10.6), (ANEW, 10.8), (SERVING, 10.9))

    assert batches(first) == [1]
    assert batches(second) == [2]


def test_a_batch_during_a_slow_reload_is_not_missed_before_that_has_ended(
    reloads: Reloads,
) -> None:
    apply(reloads, 1, b"a.py", 10.0)
    see(reloads, (BEGAN, 10.1))
    apply(reloads, 2, b"a.py", 10.2)

    assert reloads.overdue(13.0) == ()
    see(reloads, (ANEW, 13.9), (SERVING, 14.0))

    assert reloads.overdue(15.9) == ()
    assert reloads.overdue(16.0) == (Missed(2, (0, b"a.py")),)


def test_an_old_process_that_comes_up_late_does_not_answer(reloads: Reloads) -> None:
    apply(reloads, 1, b"a.py", 10.0)

    said = see(reloads, (BEGAN, 10.1), (SERVING, 10.2), (ANEW, 10.4))

    assert said == []
    assert see(reloads, (SERVING, 10.5)) == [Reloaded(1, 500.0)]


def test_a_batch_without_code_needs_no_reload(reloads: Reloads) -> None:
    places = [(0, b"style.css"), (1, b"page.html")]

    assert reloads.applied([1, 2], places, Times(10.0, 10.0)) == (
        NoReload(1),
        NoReload(2),
    )


def test_code_in_any_root_waits_for_a_reload(reloads: Reloads) -> None:
    places = [(0, b"style.css"), (1, b"lib.py")]

    assert reloads.applied([1], places, Times(10.0, 10.0)) == ()
    assert reloads.overdue(12.0) == (Missed(1, (1, b"lib.py")),)


def test_code_that_does_not_start_is_told_with_its_batches(reloads: Reloads) -> None:
    apply(reloads, 1, b"a.py", 10.0)

    assert see(reloads, (BEGAN, 10.1), (BROKE, 10.4)) == [Failed((1,), BROKE)]
    assert reloads.due_s is None


def test_a_program_that_comes_up_all_the_same_has_not_failed(reloads: Reloads) -> None:
    apply(reloads, 1, b"a.py", 10.0)

    said = see(reloads, (BEGAN, 10.1), (BROKE, 10.3), (ANEW, 10.4), (SERVING, 10.5))

    assert said == [Failed((1,), BROKE), Reloaded(1, 500.0)]


def test_what_failed_is_not_served_by_the_next_good_code(reloads: Reloads) -> None:
    apply(reloads, 1, b"a.py", 10.0)
    see(reloads, (BEGAN, 10.1), (BROKE, 10.3))
    apply(reloads, 2, b"a.py", 11.0)

    said = see(reloads, (BEGAN, 11.1), (ANEW, 11.3), (SERVING, 11.5))

    assert said == [Reloaded(2, 500.0)]


@pytest.mark.parametrize("applied", [True, False], ids=["a batch waits", "none does"])
def test_a_traceback_while_it_serves_is_the_program_s_own(
    reloads: Reloads, applied: bool
) -> None:
    if applied:
        apply(reloads, 1, b"a.py", 10.0)

    assert see(reloads, (BROKE, 10.05)) == []


def test_a_traceback_at_the_first_start_is_told() -> None:
    reloads = known(Armed("uvicorn"))
    apply(reloads, 1, b"a.py", 10.0)

    assert see(reloads, (BROKE, 10.5)) == [Failed((1,), BROKE)]


def test_a_change_that_nobody_noticed_is_told_once(reloads: Reloads) -> None:
    apply(reloads, 1, b"new.py", 10.0)

    assert reloads.due_s == 12.0
    assert reloads.overdue(11.9) == ()
    assert reloads.overdue(12.0) == (Missed(1, (0, b"new.py")),)
    assert reloads.overdue(13.9) == ()


def test_what_is_not_noticed_when_it_is_written_again_is_not_used(
    reloads: Reloads,
) -> None:
    apply(reloads, 1, b"new.py", 10.0)
    reloads.overdue(12.0)

    assert reloads.overdue(14.0) == (Unwatched(1, (0, b"new.py")),)
    assert reloads.due_s is None
    assert apply(reloads, 2, b"new.py", 20.0) == (NoReload(2),)


def test_after_a_reload_other_files_may_be_used(reloads: Reloads) -> None:
    apply(reloads, 1, b"new.py", 10.0)
    reloads.overdue(12.0)
    reloads.overdue(14.0)

    see(reloads, (BEGAN, 15.0), (ANEW, 15.2), (SERVING, 15.3))

    assert apply(reloads, 2, b"new.py", 20.0) == ()


def test_a_reload_that_hangs_is_told_once_after_five_seconds(reloads: Reloads) -> None:
    apply(reloads, 1, b"a.py", 10.0)
    see(reloads, (BEGAN, 10.1), (Holds("uvicorn"), 10.2))

    assert reloads.overdue(15.0) == ()
    assert reloads.overdue(15.2) == (Hangs((1,), "uvicorn"),)
    assert reloads.overdue(30.0) == ()


def test_code_that_is_slow_to_start_is_told_apart_from_an_old_process_that_hangs(
    reloads: Reloads,
) -> None:
    apply(reloads, 1, b"a.py", 10.0)
    see(reloads, (BEGAN, 10.1), (ANEW, 10.2))

    assert reloads.overdue(15.2) == (Hangs((1,), "uvicorn", started=True),)


def test_a_server_that_never_says_that_it_serves_is_given_a_second() -> None:
    reloads = known(Armed("gunicorn"))
    apply(reloads, 1, b"a.py", 10.0)
    see(reloads, (Began("gunicorn"), 10.1), (Anew("gunicorn"), 10.5))

    assert reloads.overdue(11.4) == ()
    assert reloads.overdue(11.5) == (Reloaded(1, 1500.0),)


def test_its_traceback_within_that_second_is_a_failure() -> None:
    reloads = known(Armed("gunicorn"))
    apply(reloads, 1, b"a.py", 10.0)
    see(reloads, (Began("gunicorn"), 10.1), (BROKE, 10.2))  # of the old process

    said = see(reloads, (Anew("gunicorn"), 10.5), (BROKE, 10.6))

    assert said == [Failed((1,), BROKE)]
    assert reloads.overdue(20.0) == ()


def test_a_server_that_says_nothing_but_that_it_begins_is_not_seen() -> None:
    reloads = Reloads()
    apply(reloads, 1, b"a.py", 10.0)
    see(reloads, (BEGAN, 10.1))

    assert reloads.overdue(12.0) == ()
    assert reloads.overdue(12.1) == (Unseen((1,), "uvicorn"),)
    assert reloads.due_s is None


def test_a_server_whose_words_stay_in_a_buffer_is_not_misread() -> None:
    reloads = known(Armed("django"))
    began, serving = Began("django"), Serving("django")
    apply(reloads, 1, b"a.py", 10.0)

    assert see(reloads, (began, 10.1), (serving, 10.1), (Armed("django"), 10.5)) == []
    assert reloads.overdue(11.5) == (Reloaded(1, 1500.0),)


def test_flask_says_that_it_serves_what_does_not_start() -> None:
    began, armed, serving = Began("flask"), Armed("flask"), Serving("flask")
    reloads = known(armed, serving)
    apply(reloads, 1, b"a.py", 10.0)

    said = see(reloads, (began, 10.1), (armed, 10.2), (BROKE, 10.3), (serving, 10.4))

    assert said == [Failed((1,), BROKE)]


def test_nothing_is_missed_by_a_server_that_does_not_reload() -> None:
    reloads = known(SERVING)
    apply(reloads, 1, b"a.py", 10.0)

    assert reloads.due_s is None
    assert reloads.overdue(60.0) == ()


def test_a_server_that_does_not_say_that_it_begins_answers_when_it_serves() -> None:
    reloads = known(Serving("hypercorn"))
    apply(reloads, 1, b"a.py", 10.0)

    assert see(reloads, (Serving("hypercorn"), 10.5)) == [Reloaded(1, 500.0)]


def test_a_program_that_never_says_anything_costs_no_more_memory() -> None:
    reloads = Reloads()
    for batch in range(1000):
        apply(reloads, batch, b"a.py", 10.0)

    assert len(see(reloads, (Serving("hypercorn"), 20.0))) == 256


def test_a_server_is_known_to_reload_once_it_says_so() -> None:
    reloads = Reloads()
    see(reloads, (Armed("uvicorn"), 9.0))
    apply(reloads, 1, b"a.py", 10.0)

    assert reloads.overdue(12.0) == (Missed(1, (0, b"a.py")),)


def test_what_the_log_said_before_it_was_listened_to_answers_no_batch() -> None:
    reloads = Reloads()
    apply(reloads, 1, b"a.py", 10.0)
    for sign in (*UVICORN, BEGAN, ANEW, SERVING):
        reloads.recall(sign)

    said = see(reloads, (BEGAN, 11.0), (ANEW, 11.4), (SERVING, 11.5))

    assert said == [Reloaded(1, 1500.0)]


def test_a_reload_that_began_before_the_batch_was_sent_does_not_answer_it(
    reloads: Reloads,
) -> None:
    see(reloads, (BEGAN, 9.0))
    apply(reloads, 1, b"a.py", 9.5, 9.6)

    assert see(reloads, (ANEW, 9.8), (SERVING, 9.9)) == []
    said = see(reloads, (BEGAN, 10.0), (ANEW, 10.4), (SERVING, 10.6))
    assert said == [Reloaded(1, 1000.0)]


def test_a_reload_that_was_heard_of_before_the_acknowledgement_answers_it(
    reloads: Reloads,
) -> None:
    see(reloads, (BEGAN, 9.55))
    apply(reloads, 1, b"a.py", 9.5, 9.6)

    said = see(reloads, (ANEW, 10.4), (SERVING, 10.6))
    assert said == [Reloaded(1, 1000.0)]


def test_a_batch_that_landed_after_the_reload_began_waits_for_the_next(
    reloads: Reloads,
) -> None:
    apply(reloads, 1, b"a.py", 10.0, landed_at_s=1000.0)
    apply(reloads, 2, b"a.py", 10.1, landed_at_s=1000.1)
    reloads.seen(BEGAN, 10.15, 1000.09)  # which is heard of late

    assert see(reloads, (BROKE, 10.5)) == [Failed((1,), BROKE)]
    assert batches(see(reloads, (BEGAN, 10.6), (ANEW, 10.8), (SERVING, 10.9))) == [2]


def test_a_batch_that_landed_before_the_reload_began_is_answered_by_it(
    reloads: Reloads,
) -> None:
    apply(reloads, 1, b"a.py", 10.0, landed_at_s=1000.0)
    reloads.seen(BEGAN, 10.1, 1000.09)
    apply(reloads, 2, b"a.py", 10.05, 10.2, landed_at_s=1000.08)
    apply(reloads, 3, b"a.py", 10.06, 10.2, landed_at_s=1000.1)

    assert batches(see(reloads, (ANEW, 10.4), (SERVING, 10.5))) == [1, 2]


def test_a_reload_is_for_some_batch_even_if_the_clocks_differ(
    reloads: Reloads,
) -> None:
    apply(reloads, 1, b"a.py", 10.0, landed_at_s=1000.0)
    reloads.seen(BEGAN, 10.1, 999.0)

    assert batches(see(reloads, (ANEW, 10.4), (SERVING, 10.5))) == [1]


def overlapping(reloads: Reloads) -> None:
    """Have a second reload begin while the first one's process is starting."""
    apply(reloads, 1, b"a.py", 10.0)
    see(reloads, (BEGAN, 10.25))
    apply(reloads, 2, b"a.py", 10.5)
    see(reloads, (BEGAN, 10.75))


def test_a_process_of_an_earlier_reload_does_not_answer_a_later_one(
    reloads: Reloads,
) -> None:
    overlapping(reloads)

    assert batches(see(reloads, (ANEW, 11.3), (SERVING, 11.4))) == [1]
    assert reloads.overdue(11.9) == ()
    assert see(reloads, (BROKE, 12.2)) == [Failed((2,), BROKE)]
    assert reloads.due_s is None


def test_an_earlier_reload_that_fails_is_not_the_failure_of_a_later_one(
    reloads: Reloads,
) -> None:
    overlapping(reloads)

    assert see(reloads, (BROKE, 11.3)) == [Failed((1,), BROKE)]
    assert see(reloads, (ANEW, 11.75), (SERVING, 12.0)) == [Reloaded(2, 1500.0)]
    assert reloads.due_s is None


def test_a_process_that_was_ended_without_a_word_is_not_waited_for(
    reloads: Reloads,
) -> None:
    overlapping(reloads)

    assert batches(see(reloads, (ANEW, 11.75), (SERVING, 12.0))) == [1]
    assert reloads.due_s == 17.0
    assert reloads.overdue(17.0) == (Reloaded(2, 1500.0),)
    assert reloads.due_s is None


def test_reloads_that_overlapped_long_ago_do_not_delay_an_answer(
    reloads: Reloads,
) -> None:
    see(reloads, (BEGAN, 10.0), (BEGAN, 10.5), (ANEW, 11.0), (SERVING, 11.5))
    apply(reloads, 1, b"a.py", 30.0)

    assert batches(see(reloads, (BEGAN, 30.5), (ANEW, 31.0), (SERVING, 31.5))) == [1]


@pytest.mark.parametrize("outcome", [SERVING, BROKE])
def test_what_landed_while_the_server_watched_is_answered_by_a_reload_alone(
    outcome: Sign,
) -> None:
    reloads = Reloads()
    reloads.recall(Armed("uvicorn"), 1000.0)
    apply(reloads, 1, b"a.py", 10.0, landed_at_s=1000.5)

    assert see(reloads, (outcome, 10.1)) == []
    assert batches(see(reloads, (BEGAN, 10.2), (ANEW, 10.8), (SERVING, 11.0))) == [1]


def test_what_landed_before_the_server_watched_is_what_it_starts_with() -> None:
    reloads = Reloads()
    apply(reloads, 1, b"a.py", 10.0, landed_at_s=1000.0)
    reloads.seen(Armed("uvicorn"), 10.1, 1000.5)

    assert see(reloads, (BROKE, 10.8)) == [Failed((1,), BROKE)]

from typing import Any

from syncd import events
from syncd.daemon.diary import NAMED, Diary


WHERE: dict[str, Any] = {"pod": "web-1", "container": "app"}
IN: dict[str, Any] = {"target": "deployment/web", **WHERE}


def diary(*happened: events.Event) -> Diary:
    made = Diary()
    for event in happened:
        made.take(event)
    return made


def applied(batch: int) -> events.Event:
    return events.BatchApplied(
        batch=batch, **WHERE, files=1, deleted=0, failed=0, applied_ms=1, total_ms=1
    )


def reloaded(batch: int) -> events.Event:
    return events.BatchReloaded(batch=batch, **WHERE, reloaded_ms=1)


def ready(batch: int) -> events.Event:
    return events.BatchReady(batch=batch, **WHERE, ready_ms=1, probe="")


def failed(*batches: int) -> events.Event:
    return events.ReloadFailed(
        **IN, batches=batches, error="SyntaxError", path="", line=0, tail=()
    )


def ran(command: str, *, code: int | None = 0, action: str = "run") -> events.Event:
    return events.HookRan(
        **IN, action=action, command=command, code=code, output="", took_ms=1
    )


def test_a_batch_is_waited_for_until_the_container_is_ready() -> None:
    assert diary(applied(1)).container(**WHERE).waiting == {1}
    assert diary(applied(1), reloaded(1)).container(**WHERE).waiting == {1}
    assert diary(applied(1), reloaded(1), ready(1)).container(**WHERE).waiting == set()


def test_of_batches_that_nobody_sees_served_the_last_are_named_and_the_rest_counted() -> (
    None
):
    found = diary(*map(applied, range(1, 1001))).container(**WHERE)

    assert found.waiting == {*range(1001 - NAMED, 1001)}
    assert found.waiting_too == 1000 - NAMED
    assert found.waits_for(1)
    assert found.waits_for(1000)


def test_those_that_are_only_counted_end_with_a_reload_or_one_by_one() -> None:
    last = NAMED + 2
    happened = [applied(batch) for batch in range(1, last + 1)]

    at_once = diary(*happened, reloaded(last)).container(**WHERE)
    broken = diary(*happened, failed(last)).container(**WHERE)
    each = diary(*happened, *map(ready, range(1, last + 1))).container(**WHERE)

    assert (at_once.waiting_too, broken.waiting_too, each.waiting_too) == (0, 0, 0)
    assert diary(*happened, ready(last)).container(**WHERE).waiting_too == 2


def test_a_later_batch_is_not_waited_for() -> None:
    assert not diary(applied(2)).container(**WHERE).waits_for(1)


def test_a_program_that_does_not_start_is_broken_until_it_reloads() -> None:
    broken = diary(applied(1), failed(1))
    assert broken.container(**WHERE).broken
    assert broken.container(**WHERE).waiting == set()
    assert "SyntaxError" in broken.container(**WHERE).reload

    broken.take(reloaded(2))
    assert not broken.container(**WHERE).broken
    assert broken.container(**WHERE).reload == ""


def test_what_a_run_rule_did_is_kept_once_and_only_if_it_was_done() -> None:
    made = diary(
        ran("pip install x"),
        ran("pip install x"),
        ran("make", code=2),
        ran("slow", code=None),
        ran("HUP gunicorn", action="restart"),
    )

    assert made.container(**WHERE).ran == ["pip install x"]


def test_a_container_that_was_started_anew_has_not_drifted() -> None:
    restarted = events.ContainerRestarted(**IN, restarts=1)

    assert diary(ran("make"), restarted).container(**WHERE).ran == []


def test_a_broken_link_forgets_what_it_was_to_see_and_not_what_ran() -> None:
    reconciled = events.SessionReconciled(
        **IN, files=0, deleted=0, bytes=0, kept=0, failed=0, took_ms=1
    )
    many = map(applied, range(1, NAMED + 2))
    found = diary(ran("make"), *many, reconciled).container(**WHERE)

    assert (found.ran, found.waiting, found.waiting_too) == (["make"], set(), 0)


def test_a_drift_ends_with_the_next_decision() -> None:
    drifted = events.RebuildDrifted(target="t", reason="requests added", hint="")
    decided = events.RebuildDecided(
        target="t", inputs=(), needed=False, reason="", digest="", took_ms=1
    )

    assert diary(drifted).target("t").drift == "requests added"
    assert diary(drifted, decided).target("t").drift == ""


def test_what_cannot_be_reached_is_known_until_it_can() -> None:
    made = diary(
        events.ApiLost(server="https://a", reason="refused"),
        events.RootLost(root="/src", hint=""),
    )
    assert [*made.away.values()] == [
        "no answer from https://a: refused",
        "/src is gone",
    ]

    made.take(events.ApiBack(server="https://a", away_s=1))
    made.take(events.RootFound(root="/src"))
    assert made.away == {}


def test_a_failed_rebuild_is_known_until_another_is_decided_on() -> None:
    broken = events.RebuildFailed(
        target="t",
        image="web:2",
        stage="build",
        reason="no disk",
        hint="make room",
        detail=(),
        log="",
    )
    decided = events.RebuildDecided(
        target="t", inputs=(), needed=True, reason="", digest="", took_ms=1
    )
    found = diary(broken).target("t")

    assert found.failed == "build of web:2 failed: no disk"
    assert found.hint == "make room"
    assert diary(broken, decided).target("t").failed == ""

import dataclasses
import datetime as dt
import json
from typing import Any

import pytest

from syncd import events
from syncd.control import (
    BatchStatus,
    ReplicaStatus,
    SkippedStatus,
    Status,
    TargetStatus,
)
from syncd.events import Event, as_record
from syncd.ui.dashboard.board import BATCHES, TROUBLES, Board
from syncd.ui.dashboard.reading import event_of
from syncd.ui.lines import line
from tests.ui.samples import EVENTS, TARGET, batch_done, path_failed


AT = dt.datetime(2026, 3, 1, 14, 2, 31, tzinfo=dt.UTC)
IN: dict[str, Any] = {"target": TARGET, "pod": "myapp-1", "container": "web"}
SINCE = "2026-03-01T13:00:00+00:00"


def record(event: Event) -> dict[str, Any]:
    """Return an event as it comes over the socket."""
    told: dict[str, Any] = json.loads(json.dumps(as_record(event, AT)))
    return told


def status(*targets: TargetStatus, pid: int = 1) -> Status:
    return Status(
        version="1",
        project="/src/myapp",
        pid=pid,
        since=SINCE,
        phase="running",
        targets=targets,
    )


def view(*happened: Event | Status) -> dict[str, Any]:
    board = Board()
    for each in happened:
        if isinstance(each, Status):
            board.see(each)
        else:
            board.take(record(each))
    shown: dict[str, Any] = json.loads(json.dumps(board.view()))
    return shown


def settled(batch: int = 7) -> Event:
    return events.BatchSettled(
        batch=batch, target=TARGET, files=1, deleted=0, settled_ms=10, scanned_ms=0.3
    )


def reloaded(pod: str, took_ms: float | None) -> Event:
    return events.BatchReloaded(
        batch=7, pod=pod, container="web", reloaded_ms=took_ms, steps={}
    )


def ready(pod: str, took_ms: float | None) -> Event:
    return events.BatchReady(
        batch=7, pod=pod, container="web", ready_ms=took_ms, probe=""
    )


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_the_words_of_an_event_survive_the_socket(event: Event) -> None:
    told = event_of(record(event))

    assert told is not None
    assert line(told) == line(event)


def test_an_event_of_another_version_is_passed_over() -> None:
    assert event_of({"event": "moon.full", "ts": "", "level": "error"}) is None
    assert event_of({"event": "batch.done", "ts": "", "level": "info"}) is None


def test_a_batch_is_shown_from_its_first_event_to_the_last() -> None:
    happened = [settled(), batch_done(), reloaded("a", 90), ready("a", 5)]
    states = [view(*happened[:number])["batches"][0] for number in (1, 2, 4)]

    assert [each["state"] for each in states] == ["under way", "done", "done"]
    assert [each["said"] for each in states] == [
        "on the way",
        "1 file, 2.1 KiB → 3 replicas",
        "1 file, 2.1 KiB → 3 replicas",
    ]
    assert [name for name, _, _ in states[2]["steps"]] == [
        "settled",
        "scanned",
        "packed",
        "sent",
        "applied",
        "reloaded",
        "ready",
    ]
    assert states[2]["total"] == "110 ms"
    assert states[2]["names"] == "main.py"


def test_of_several_replicas_the_slowest_counts() -> None:
    slow = [reloaded("a", 90), reloaded("b", 200), reloaded("c", None)]

    (batch,) = view(batch_done(), *slow)["batches"]

    assert batch["steps"][-1] == ["reloaded", 200, "reloaded 200 ms"]


def test_a_batch_that_no_replica_took_waits_and_one_with_failures_has_failed() -> None:
    states = [
        view(batch_done(**how))["batches"][0]["state"]
        for how in ({"replicas": 0}, {"failed": 1})
    ]

    assert states == ["waiting", "failed"]


def test_a_batch_that_does_not_start_says_why_until_it_serves() -> None:
    broken = events.ReloadFailed(
        **IN, batches=(7, 8), error="SyntaxError", path="", line=0, tail=()
    )

    (before,) = view(batch_done(), broken)["batches"]
    (after,) = view(batch_done(), broken, reloaded("a", 9))["batches"]

    assert (before["state"], after["state"]) == ("failed", "done")
    assert before["trouble"] == "the program does not start: SyntaxError"
    assert after["trouble"] == ""


def test_the_last_batches_are_shown_newest_first() -> None:
    numbers = [
        batch["number"]
        for batch in view(*(batch_done(batch=n) for n in range(1, 100)))["batches"]
    ]

    assert numbers == [*range(99, 99 - BATCHES, -1)]


def test_warnings_and_errors_are_kept_with_their_hints_newest_first() -> None:
    many = [path_failed(b"%d" % number) for number in range(TROUBLES + 5)]

    troubles = view(settled(), *many)["troubles"]

    assert len(troubles) == TROUBLES
    assert troubles[0]["subject"] == f"{TROUBLES + 4}"
    assert troubles[0]["hint"] == "free space"
    assert troubles[0]["level"] == "error"


def test_a_command_that_failed_is_a_trouble_with_its_last_words() -> None:
    ran = events.HookRan(
        **IN, action="run", command="make", code=2, output="no rule", took_ms=1
    )

    (trouble,) = view(ran)["troubles"]

    assert (trouble["level"], trouble["body"]) == ("error", ["no rule"])


def test_what_was_last_is_known_from_the_status() -> None:
    last = BatchStatus(
        at="2026-03-01T14:00:00+00:00",
        **{
            name: value
            for name, value in dataclasses.asdict(batch_done(batch=3)).items()
            if name not in ("target", "paths")
        },
    )
    target = TargetStatus(target=TARGET, namespace="shop", batch=last)

    (batch,) = view(status(target))["batches"]

    assert (batch["number"], batch["state"], batch["target"]) == (3, "done", TARGET)
    assert batch["said"] == "1 file, 2.1 KiB → 3 replicas"


def test_a_new_syncd_counts_anew() -> None:
    shown = view(status(pid=1), batch_done(batch=99), status(pid=2), settled(1))

    assert [batch["number"] for batch in shown["batches"]] == [1]


def test_nothing_unprintable_is_shown() -> None:
    hostile = "a\x1b[31m\u202e\n<b>"
    target = TargetStatus(
        target=hostile,
        namespace="n",
        replicas=(
            ReplicaStatus(
                pod=hostile, container="c", state="in step", drift=(hostile,)
            ),
        ),
        skipped=(SkippedStatus(pod=hostile, reason=hostile),),
    )
    named = batch_done(paths=(hostile.encode(), b"\xff"))

    shown = json.dumps(view(status(target), named, path_failed(hostile.encode())))

    assert all(text.isprintable() for text in texts(json.loads(shown)))
    assert r"a\\x1b[31m\\u202e\\n<b>" in shown


def texts(value: Any) -> list[str]:
    match value:
        case str():
            return [value]
        case dict():
            return [text for each in value.values() for text in texts(each)]
        case list():
            return [text for each in value for text in texts(each)]
        case _:
            return []


def test_that_syncd_is_lost_is_said_until_it_is_back() -> None:
    board = Board()
    board.see(status())
    board.lose("it has ended")

    assert board.view()["lost"] == "it has ended"
    board.see(status())
    assert board.view()["lost"] == ""

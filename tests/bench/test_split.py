"""The events of the daemon, split into steps."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from syncd.bench.samples import STEPS
from syncd.bench.split import batches, merged, split


SAVED = 1000.0
ENDS = st.dictionaries(
    st.sampled_from(STEPS[:-1]), st.floats(SAVED - 1, SAVED + 10), max_size=7
)


def heard(at: float, name: str, batch: int = 1, **fields: Any) -> dict[str, Any]:
    return {"at": at, "event": name, "batch": batch, **fields}


ONE_BATCH = [
    heard(1000.020, "batch.settled", settled_ms=12.0, scanned_ms=3.0),
    heard(1000.024, "batch.packed", packed_ms=2.0, pod="a"),
    heard(1000.024, "batch.sent", sent_ms=1.0, wire_bytes=500, pod="a"),
    heard(1000.030, "batch.applied", pod="a"),
    heard(1000.031, "batch.done"),
    heard(1000.400, "batch.reloaded", reloaded_ms=370.0, pod="a"),
    heard(1000.404, "batch.ready", ready_ms=4.0, pod="a"),
]


def test_each_step_is_told_from_its_event() -> None:
    (batch,) = batches(ONE_BATCH)

    steps = dict(split(SAVED, 1000.410, batch.ends))

    assert steps == pytest.approx(
        {
            "detected": 5.0,
            "settled": 12.0,
            "scanned": 3.0,
            "packed": 3.0,
            "sent": 1.0,
            "applied": 6.0,
            "reloaded": 370.0,
            "ready": 4.0,
            "served": 6.0,
        },
        abs=1e-6,
    )
    assert (batch.is_done, batch.is_ready, batch.sent_bytes) == (True, True, 500)


def test_the_slowest_replica_ends_a_step() -> None:
    later = heard(1000.050, "batch.applied", pod="b")

    (batch,) = batches([later, *ONE_BATCH])

    assert batch.ends["applied"] == 1000.050


def test_a_batch_that_needs_no_reload_has_no_such_step() -> None:
    (batch,) = batches(
        [
            heard(1000.1, "batch.reloaded", reloaded_ms=None, pod="a"),
            heard(1000.1, "batch.ready", ready_ms=None, pod="a"),
        ]
    )

    assert batch.is_ready
    assert "reloaded" not in batch.ends


def test_batches_are_kept_apart() -> None:
    found = batches(
        [
            heard(1, "batch.sent", 2, sent_ms=0, wire_bytes=1),
            heard(2, "batch.sent", 1, sent_ms=0, wire_bytes=2),
            {"at": 3.0, "event": "syncd.in_step"},
        ]
    )

    assert [(batch.number, batch.sent_bytes) for batch in found] == [(1, 2), (2, 1)]


def test_an_edit_that_went_in_two_batches_has_the_steps_of_both() -> None:
    later = [
        heard(1000.060, "batch.settled", 2, settled_ms=5.0, scanned_ms=1.0),
        heard(1000.062, "batch.sent", 2, sent_ms=1.0, wire_bytes=70, pod="a"),
        heard(1000.065, "batch.applied", 2, pod="a"),
        heard(1000.066, "batch.done", 2),
        heard(1000.066, "batch.reloaded", 2, reloaded_ms=None, pod="a"),
    ]

    whole = merged(batches([*ONE_BATCH, *later]))

    assert whole is not None
    assert (whole.number, whole.sent_bytes) == (2, 570)
    assert (whole.is_done, whole.is_ready) == (True, False)
    assert whole.ends["applied"] == 1000.065
    assert whole.ends["reloaded"] == 1000.400
    assert merged([]) is None


def test_what_was_never_served_has_the_steps_that_are_known() -> None:
    steps = split(SAVED, None, {"applied": SAVED + 0.2, "reloaded": SAVED + 3})

    assert [name for name, _ in steps] == ["applied", "reloaded"]
    assert [took for _, took in steps] == pytest.approx([200, 2800])


def test_what_is_heard_after_the_answer_ended_with_it() -> None:
    steps = split(SAVED, SAVED + 1, {"applied": SAVED + 0.2, "reloaded": SAVED + 3})

    assert [name for name, _ in steps] == ["applied", "reloaded", "served"]
    assert [took for _, took in steps] == pytest.approx([200, 800, 0])


@given(ENDS, st.floats(0, 20))
def test_the_steps_add_up_to_the_total(ends: dict[str, float], took_s: float) -> None:
    steps = split(SAVED, SAVED + took_s, ends)

    assert abs(sum(step.took_ms for step in steps) - took_s * 1000) < 1
    assert all(step.took_ms >= 0 for step in steps)
    assert [name for name, _ in steps] == [
        n for n in STEPS if n in ends or n == "served"
    ]

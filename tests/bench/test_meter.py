"""Telling what edits cost from what the time between them does."""

from collections.abc import Iterator

import pytest

from syncd.bench.meter import Meter
from syncd.bench.usage import Usage


def meter(*readings: float | None) -> Meter:
    """Return one that reads these processor times, in order."""
    coming: Iterator[float | None] = iter(readings)

    async def look() -> Usage | None:
        reading = next(coming)
        return None if reading is None else Usage(reading, 1 << 20)

    return Meter(look)


async def test_what_is_used_between_before_and_after_is_the_edit_s() -> None:
    watched = meter(1.0, 1.5, 3.5, 4.0, 7.0, 7.25)
    await watched.begin()

    used = []
    for _ in range(2):
        await watched.before()
        used.append(await watched.after())
    cost = await watched.cost()

    assert used == [2.0, 3.0]
    assert cost is not None
    assert cost.busy_cpu_s == 5.0
    assert cost.idle_cpu_s == pytest.approx(7.25 - 1.0 - 5.0)
    assert cost.idle_s >= 0


async def test_the_warm_up_costs_nothing() -> None:
    watched = meter(0.0, 9.0, 9.0, 9.0)
    await watched.before()
    await watched.after()

    await watched.begin()
    cost = await watched.cost()

    assert cost is not None
    assert (cost.busy_cpu_s, cost.idle_cpu_s) == (0.0, 0.0)


async def test_what_started_anew_has_not_given_time_back() -> None:
    watched = meter(5.0, 5.0, 0.5)
    await watched.begin()
    await watched.before()

    assert await watched.after() == 0.0


async def test_what_cannot_be_seen_costs_nothing_that_is_known() -> None:
    watched = meter(None, None, 1.0, 1.0)
    await watched.begin()
    await watched.before()

    assert await watched.after() is None
    assert await watched.cost() is None

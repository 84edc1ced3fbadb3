"""The arithmetic, as tables and properties."""

import math
import random
import statistics
from collections import Counter

import pytest
from hypothesis import given, strategies as st

from syncd.bench.stats import quantile, ratio, rounds


TIMES = st.floats(min_value=0.01, max_value=1e5)
SAMPLES = st.lists(TIMES, min_size=1, max_size=40)


@pytest.mark.parametrize(
    ("values", "q", "expected"),
    [
        ([7.0], 0.95, 7.0),
        ([1.0, 2.0, 3.0], 0.5, 2.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        ([1.0, 2.0], 0.5, 1.5),
        ([0.0, 10.0, 20.0, 30.0, 40.0], 0.95, 38.0),
        ([1.0, 2.0, math.inf], 0.5, 2.0),
        ([1.0, 2.0, math.inf], 0.95, math.inf),
        ([math.inf, math.inf], 0.5, math.inf),
    ],
)
def test_a_quantile_lies_between_its_neighbours(
    values: list[float], q: float, expected: float
) -> None:
    assert quantile(values, q) == pytest.approx(expected)


@pytest.mark.parametrize(("values", "q"), [([], 0.5), ([1.0], 1.5), ([1.0], -0.1)])
def test_what_has_no_quantile_is_refused(values: list[float], q: float) -> None:
    with pytest.raises(ValueError, match="quantile"):
        quantile(values, q)


@given(SAMPLES)
def test_the_middle_quantile_is_the_median(values: list[float]) -> None:
    assert quantile(values, 0.5) == pytest.approx(statistics.median(values))


@given(SAMPLES, st.floats(0, 1), st.floats(0, 1))
def test_quantiles_rise_and_stay_within_the_values(
    values: list[float], one: float, other: float
) -> None:
    low, high = sorted((one, other))

    found = quantile(values, low), quantile(values, high)

    assert min(values) <= found[0] <= max(values)
    assert found[0] <= found[1] * (1 + 1e-12)


@given(SAMPLES, SAMPLES)
def test_an_interval_holds_what_was_measured_of_like_samples(
    new: list[float], old: list[float]
) -> None:
    found = ratio(new, old, resamples=50)

    assert min(new) / max(old) <= found.low * (1 + 1e-9)
    assert found.low <= found.high
    assert found.high <= max(new) / min(old) * (1 + 1e-9)


@given(SAMPLES, st.floats(0.1, 10))
def test_a_ratio_is_the_factor_that_one_was_scaled_by(
    values: list[float], factor: float
) -> None:
    found = ratio([value * factor for value in values], values, resamples=1)

    assert found.value == pytest.approx(factor)


@given(SAMPLES, SAMPLES, SAMPLES, st.floats(0.1, 10))
def test_what_slowed_everything_alike_is_taken_out(
    new: list[float], old: list[float], floor: list[float], factor: float
) -> None:
    slowed = [value * factor for value in floor]

    found = ratio(new, old, floors=(slowed, floor), resamples=1)

    bare = ratio(new, old, resamples=1)
    assert found.value == pytest.approx(bare.value / factor)


def test_the_same_seed_gives_the_same_interval() -> None:
    new, old = [1.0, 2.0, 3.0, 9.0], [2.0, 2.5, 4.0]

    assert ratio(new, old, seed=3) == ratio(new, old, seed=3)


def test_noise_is_not_called_slower_or_faster() -> None:
    dice = random.Random(1)
    one, other = ([dice.gauss(100, 15) for _ in range(40)] for _ in range(2))

    found = ratio(one, other)

    assert not found.is_slower
    assert not found.is_faster


def test_what_is_half_as_fast_is_called_slower() -> None:
    dice = random.Random(1)
    values = [dice.gauss(100, 15) for _ in range(40)]

    found = ratio([value * 2 for value in values], values)

    assert found.is_slower
    assert found.low < 2 < found.high


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        ([math.inf], [1.0], math.inf),
        ([1.0], [math.inf], 0.0),
        ([math.inf] * 2,) * 2 + (1,),
    ],
)
def test_time_outs_make_ratios_too(
    new: list[float], old: list[float], expected: float
) -> None:
    assert ratio(new, old, resamples=5).value == expected


@given(st.integers(1, 6), st.integers(0, 40))
def test_every_round_has_every_mode_once(modes: int, count: int) -> None:
    found = rounds(range(modes), count)

    assert len(found) == count
    assert all(sorted(order) == list(range(modes)) for order in found)


@given(st.integers(1, 6), st.integers(1, 4))
def test_each_mode_takes_each_place_equally_often(modes: int, cycles: int) -> None:
    found = rounds(range(modes), 2 * modes * cycles)

    places = Counter(
        (place, mode) for order in found for place, mode in enumerate(order)
    )

    assert set(places.values()) == {2 * cycles}

"""The arithmetic of a measurement. Pure, and the same figures for the same seed.

A sample that was never served is infinitely slow: left out, it would make a mode look
better by failing.
"""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar


T = TypeVar("T")

RESAMPLES = 2000
CONFIDENCE = 0.95


def quantile(values: Sequence[float], q: float) -> float:
    """Return the `q` quantile of `values`, interpolated between neighbours.

    Args:
        values: At least one; in any order; infinity is allowed.
        q: From 0 to 1.

    Raises:
        ValueError: If there are no values, or `q` is out of range.
    """
    if not values or not 0 <= q <= 1:
        raise ValueError(f"no {q} quantile of {len(values)} values")
    return _of_sorted(sorted(values), q)


def _of_sorted(values: Sequence[float], q: float) -> float:
    place = q * (len(values) - 1)
    low, high = values[math.floor(place)], values[math.ceil(place)]
    if low == high:
        return low
    if math.isinf(high):
        return high
    return low + (high - low) * (place - math.floor(place))


@dataclass(frozen=True, slots=True)
class Ratio:
    """How a quantile of one sample compares with that of another.

    Attributes:
        value: As measured.
        low: The lower end of the interval that noise alone would explain.
        high: Its upper end.
    """

    value: float
    low: float
    high: float

    @property
    def is_slower(self) -> bool:
        """Whether the first is slower, beyond noise."""
        return self.low > 1

    @property
    def is_faster(self) -> bool:
        """Whether the first is faster, beyond noise."""
        return self.high < 1


def ratio(
    new: Sequence[float],
    old: Sequence[float],
    q: float = 0.5,
    *,
    floors: tuple[Sequence[float], Sequence[float]] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Ratio:
    """Return `new` over `old` at quantile `q`, with a percentile bootstrap interval.

    Args:
        new: What was measured now.
        old: What was measured then.
        q: The quantile.
        floors: What the machine by itself took now and then, if it may have changed:
            the ratio is divided by that of their medians. All finite.
        seed: Of the dice.
        resamples: How often they are thrown.

    Raises:
        ValueError: If one of them has no values.
    """

    def compared(of: Callable[[Sequence[float], float], float]) -> float:
        found = _over(of(new, q), of(old, q))
        return (
            found / _over(of(floors[0], 0.5), of(floors[1], 0.5)) if floors else found
        )

    dice = random.Random(seed)  # noqa: S311  # statistics, not secrets
    drawn = sorted(compared(partial(_redrawn, dice)) for _ in range(resamples))
    tail = (1 - CONFIDENCE) / 2
    ends = _of_sorted(drawn, tail), _of_sorted(drawn, 1 - tail)
    return Ratio(compared(quantile), *ends)


def _redrawn(dice: random.Random, values: Sequence[float], q: float) -> float:
    return _of_sorted(sorted(dice.choices(values, k=len(values))), q)


def _over(new: float, old: float) -> float:
    if new == old:
        return 1.0
    if math.isinf(old):
        return 0.0
    return new / old if old else math.inf


def rounds(modes: Sequence[T], count: int) -> list[tuple[T, ...]]:
    """Return the order of the modes in each of `count` rounds.

    Each round has every mode once. Over the rounds each mode takes each place equally
    often, and goes before and after each of its neighbours, so that what drifts, or
    what one mode leaves behind, hits all alike.
    """
    orders = []
    for number in range(count):
        shift = number // 2 % len(modes) if modes else 0
        order = (*modes[shift:], *modes[:shift])
        orders.append(order[::-1] if number % 2 else order)
    return orders

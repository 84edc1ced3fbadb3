"""Whether a result is good enough, for a pipeline. Pure."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from syncd.bench.samples import Result, Sample, applied, totals
from syncd.bench.stats import Ratio, quantile, ratio
from syncd.errors import ConfigError


_LIMIT = re.compile(
    r"(?:(?P<what>served|applied)\.)?p(?P<q>\d{1,2}(?:\.\d+)?)"
    r"=(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s)"
)
_COMPARED = (0.5, 0.95)


@dataclass(frozen=True, slots=True)
class Limit:
    """What syncd may take at most.

    Attributes:
        what: `served` or `applied`.
        q: The quantile, from 0 to 1.
        at_most_ms: The limit.
    """

    what: str
    q: float
    at_most_ms: float

    @classmethod
    def parse(cls, written: str) -> "Limit":
        """Return the limit that `p95=800ms` or `applied.p50=20ms` is.

        Raises:
            ConfigError: If it is none.
        """
        if not (found := _LIMIT.fullmatch(written)):
            raise ConfigError(
                f"{written!r} is no limit",
                hint="write p95=800ms, or applied.p50=20ms",
            )
        scale = 1000 if found["unit"] == "s" else 1
        number = float(found["number"]) * scale
        return cls(found["what"] or "served", float(found["q"]) / 100, number)

    def broken_by(self, samples: Sequence[Sample]) -> str:
        """Return what is wrong with `samples`, or ""."""
        values = applied(samples) if self.what == "applied" else totals(samples)
        name = f"{self.what} p{self.q * 100:g}"
        if not values:
            return f"{name}: there is no sample"
        found = quantile(values, self.q)
        if found <= self.at_most_ms:
            return ""
        said = "timed out" if math.isinf(found) else f"{found:.0f} ms"
        return f"{name}: {said}, more than {self.at_most_ms:g} ms"


@dataclass(frozen=True, slots=True)
class Change:
    """How a mode compares with an earlier result, at one quantile."""

    mode: str
    q: float
    ratio: Ratio

    def __str__(self) -> str:
        word = "the same, as far as one can tell"
        if self.ratio.is_slower:
            word = "slower"
        elif self.ratio.is_faster:
            word = "faster"
        r = self.ratio
        return (
            f"{self.mode} p{self.q * 100:g}: {r.value:.2f} × what it was"  # noqa: RUF001  # a factor
            f" [{r.low:.2f}, {r.high:.2f}]: {word}"
        )


def compare(new: Result, old: Result) -> list[Change]:
    """Return how each mode that both have compares, saved to served."""
    changes = []
    for mode in new.modes:
        fresh, earlier = totals(new.counted(mode)), totals(old.counted(mode))
        if fresh and earlier:
            changes += [Change(mode, q, ratio(fresh, earlier, q)) for q in _COMPARED]
    return changes


def is_regression(changes: Sequence[Change]) -> bool:
    """Tell whether syncd became slower, beyond noise, at the median."""
    return any(
        change.mode == "syncd" and change.q == 0.5 and change.ratio.is_slower
        for change in changes
    )

"""Whether a result is good enough, for a pipeline. Pure."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from syncd.bench.samples import FLOOR, Result, Sample, applied, totals
from syncd.bench.stats import Ratio, quantile, ratio
from syncd.errors import ConfigError


_LIMIT = re.compile(
    r"(?:(?P<what>served|applied)\.)?p(?P<q>\d{1,2}(?:\.\d+)?)"
    r"=(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s)"
)
_COMPARED = (0.5, 0.95)
_JUDGED = "syncd"
ENOUGH = 5
"""Fewer edits are no verdict."""


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
        found = quantile(values, self.q) if values else math.inf
        if found <= self.at_most_ms:
            return ""
        said = "never" if math.isinf(found) else f"{found:.0f} ms"
        failed = sum(bool(sample.failed) for sample in samples)
        return (
            f"{self.what} p{self.q * 100:g}: {said}, more than {self.at_most_ms:g} ms;"
            f" {failed} of {len(samples)} edits failed"
        )


@dataclass(frozen=True, slots=True)
class Change:
    """How a mode compares with an earlier result, at one quantile.

    Attributes:
        edits: How many there are of it now, and were then.
        beside: The mode whose own change is taken out of the ratio, or "".
    """

    mode: str
    q: float
    ratio: Ratio
    edits: tuple[int, int]
    beside: str = ""

    @property
    def is_slower(self) -> bool:
        """Whether it is, beyond noise; what is too few to tell is not."""
        return self.ratio.is_slower and min(self.edits) >= ENOUGH

    def __str__(self) -> str:
        what = f"{self.mode} p{self.q * 100:g}"
        if min(self.edits) < ENOUGH:
            now, then = self.edits
            return f"{what}: no verdict by {now} edits and {then}: it takes {ENOUGH}"
        word = "the same, as far as one can tell"
        if self.ratio.is_slower:
            word = "slower"
        elif self.ratio.is_faster:
            word = "faster"
        r, beside = self.ratio, f" beside {self.beside}" if self.beside else ""
        return (
            f"{what}: {r.value:.2f} × what it was{beside}"  # noqa: RUF001  # a factor
            f" [{r.low:.2f}, {r.high:.2f}]: {word}"
        )


def check(earlier: Result, pattern: str, modes: Sequence[str]) -> None:
    """Refuse to compare what is to be measured with something else.

    Args:
        earlier: What it would be compared with.
        pattern: Of the edits to come.
        modes: Which make them.

    Raises:
        ConfigError: If the edits differ, or syncd is not in both.
    """
    if earlier.pattern != pattern:
        raise ConfigError(
            f"edits by {pattern} cannot be compared with edits by {earlier.pattern}",
            hint="compare with a result of the same --pattern",
        )
    if not (_JUDGED in modes and earlier.counted(_JUDGED)):
        raise ConfigError(
            f"only {_JUDGED} is judged, and it is not in both results",
            hint=f"measure --mode {_JUDGED} now, and compare with a result that has it",
        )


def compare(new: Result, old: Result) -> list[Change]:
    """Return how each mode that both have compares, saved to served.

    A machine that was slower as a whole shows in the floor, where both have it; the
    other modes are compared beside that.
    """
    floors = _finite(new), _finite(old)
    has_floor = min(map(len, floors)) >= ENOUGH
    changes = []
    for mode in new.modes:
        fresh, earlier = totals(new.counted(mode)), totals(old.counted(mode))
        if not (fresh and earlier):
            continue
        beside = FLOOR if has_floor and mode != FLOOR else ""
        for q in _COMPARED:
            found = ratio(fresh, earlier, q, floors=floors if beside else None)
            edits = len(fresh), len(earlier)
            changes.append(Change(mode, q, found, edits, beside))
    return changes


def _finite(result: Result) -> list[float]:
    """Return what the floor took; its failures tell nothing of the machine."""
    return [ms for ms in totals(result.counted(FLOOR)) if not math.isinf(ms)]


def is_regression(changes: Sequence[Change]) -> bool:
    """Tell whether syncd became slower, beyond noise, at the median."""
    return any(
        change.mode == _JUDGED and change.q == 0.5 and change.is_slower
        for change in changes
    )

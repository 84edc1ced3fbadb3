"""One line of a table of figures."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One line of the table; `most` is what was promised."""

    what: str
    value: float
    unit: str
    most: float | None = None

    def __str__(self) -> str:
        digits = 1 if self.unit == "ms" else 2
        promised = "" if self.most is None else f"≤ {self.most:g} {self.unit}"
        verdict = (
            "" if self.most is None else "ok" if self.value <= self.most else "MISS"
        )
        return f"| {self.what} | {promised} | {self.value:,.{digits}f} {self.unit} | {verdict} |"


Figures = Iterator[Figure]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which that share of the values lies."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]

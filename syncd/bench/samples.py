"""What was measured, as values."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


STEPS = (
    "detected",
    "settled",
    "scanned",
    "packed",
    "sent",
    "applied",
    "reloaded",
    "ready",
    "served",
)
"""Every step that can be told apart, in order. The last ends with the new answer."""


FLOOR = "local"
"""The mode in which nothing is sent: what is left is the program's and the machine's."""


class Step(NamedTuple):
    """A part of the way from saved to served."""

    name: str
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One edit by one mode.

    Attributes:
        number: Of the round.
        warmup: Whether it is left out of every figure.
        failed: Why it was not served; "" if it was.
        total_ms: Saved to served; None if it was not.
        applied_ms: Saved to the files being in place, where that is known.
        steps: They add up to `total_ms`; where there is none, those that are known.
        batch: syncd's id of it.
        changed_bytes: What the edit wrote.
        sent_bytes: What crossed for it, where that is known.
        cpu_s: What syncd's process used for it.
        agent_cpu_s: What its agents did, all together.
    """

    mode: str
    number: int
    warmup: bool = False
    failed: str = ""
    total_ms: float | None = None
    applied_ms: float | None = None
    steps: tuple[Step, ...] = ()
    batch: int | None = None
    changed_bytes: int = 0
    sent_bytes: int | None = None
    cpu_s: float | None = None
    agent_cpu_s: float | None = None

    @property
    def slowness_ms(self) -> float:
        """`total_ms`, and infinity for what was not served."""
        return math.inf if self.total_ms is None else self.total_ms


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a process used, or several together.

    Attributes:
        busy_cpu_s: While syncd's edits were under way.
        idle_cpu_s: While those of others were, or nothing.
        idle_s: How long that was.
        peak_rss: Bytes of the largest.
    """

    busy_cpu_s: float
    idle_cpu_s: float
    idle_s: float
    peak_rss: int


class Costs(NamedTuple):
    """What syncd used itself: None where that cannot be seen."""

    daemon: Cost | None = None
    agents: Cost | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A whole run.

    Attributes:
        environment: Where it ran, in words.
        pattern: What an edit is.
        samples: In the order they were taken, warm-up included.
    """

    environment: Mapping[str, str]
    pattern: str
    samples: Sequence[Sample]
    costs: Costs = field(default_factory=Costs)

    @property
    def modes(self) -> tuple[str, ...]:
        """The modes, in the order of their first sample."""
        return tuple(dict.fromkeys(sample.mode for sample in self.samples))

    def counted(self, mode: str) -> list[Sample]:
        """Return the samples of `mode` without the warm-up."""
        return [s for s in self.samples if s.mode == mode and not s.warmup]


def totals(samples: Sequence[Sample]) -> list[float]:
    """Return saved to served of each, in milliseconds; infinity where it was not."""
    return [sample.slowness_ms for sample in samples]


def applied(samples: Sequence[Sample]) -> list[float]:
    """Return saved to applied of each, in milliseconds; infinity where it failed.

    None of a mode that does not tell: neither of what it served nor of what failed.
    """
    if all(sample.applied_ms is None for sample in samples):
        return []
    return [
        math.inf if s.applied_ms is None else s.applied_ms
        for s in samples
        if s.failed or s.applied_ms is not None
    ]

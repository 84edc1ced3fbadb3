"""The figures of a result in words, the same in the table and on the page. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from syncd.bench.samples import (
    FLOOR,
    STEPS,
    Cost,
    Result,
    Sample,
    Step,
    applied,
    totals,
)
from syncd.bench.stats import quantile, ratio


COLUMNS = (
    "mode",
    "edits",
    "failed",
    "served p50",
    "p95",
    "p99",
    "applied p50",
    "p95",
    f"served p50 ÷ {FLOOR}",
    f"p95 ÷ {FLOOR}",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One mode's line; a cell for each of `COLUMNS`."""

    mode: str
    cells: tuple[str, ...]


def rows(result: Result) -> list[Row]:
    """Return a line for each mode."""
    return [Row(mode, _cells(result, mode)) for mode in result.modes]


def _cells(result: Result, mode: str) -> tuple[str, ...]:
    samples = result.counted(mode)
    failed = sum(bool(sample.failed) for sample in samples)
    served = totals(samples)
    return (
        mode,
        str(len(samples)),
        str(failed) if failed else "",
        *(_at(served, q) for q in (0.5, 0.95, 0.99)),
        *(_at(applied(samples), q) for q in (0.5, 0.95)),
        *(_over_floor(result, mode, q) for q in (0.5, 0.95)),
    )


def _at(values: Sequence[float], q: float) -> str:
    if not values:
        return ""
    value = quantile(values, q)
    return "failed" if math.isinf(value) else milliseconds(value)


def milliseconds(value: float) -> str:
    """Return a duration as people read it."""
    return f"{value:.1f} ms" if value < 100 else f"{value:.0f} ms"


def _over_floor(result: Result, mode: str, q: float) -> str:
    mine, floor = totals(result.counted(mode)), totals(result.counted(FLOOR))
    if mode == FLOOR or not mine or not floor:
        return ""
    found = ratio(mine, floor, q)
    if math.isinf(found.value):
        return ""
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def mean_steps(samples: Sequence[Sample]) -> tuple[Step, ...]:
    """Return the mean of each step over what was served: means add up, medians do not.

    A step that a sample does not have took no time in it.
    """
    served = [sample for sample in samples if sample.total_ms is not None]
    names = [name for name in STEPS if any(name in dict(s.steps) for s in served)]
    return tuple(
        Step(name, sum(dict(s.steps).get(name, 0.0) for s in served) / len(served))
        for name in names
    )


def notes(result: Result) -> list[str]:
    """Return what else is to say: bytes, and what syncd uses itself."""
    samples = [s for s in result.counted("syncd") if not s.failed]
    lines = []
    if sent := [s for s in samples if s.sent_bytes is not None]:
        crossed = sum(s.sent_bytes or 0 for s in sent) / len(sent)
        changed = sum(s.changed_bytes for s in sent) / len(sent)
        lines.append(f"{crossed:,.0f} bytes sent for {changed:,.0f} changed, per edit")
    counted = result.counted("syncd")
    daemon = [s.cpu_s for s in counted if s.cpu_s is not None]
    agents = [s.agent_cpu_s for s in counted if s.agent_cpu_s is not None]
    if result.costs.daemon is not None:
        lines.append(f"the daemon: {_cost(result.costs.daemon, len(daemon))}")
    if result.costs.agents is not None:
        lines.append(f"the agents: {_cost(result.costs.agents, len(agents))}")
    return lines


def _cost(cost: Cost, edits: int) -> str:
    words = []
    if edits:
        words.append(f"{cost.busy_cpu_s / edits * 1000:.1f} ms of processor per edit")
    if cost.idle_s:
        idle = cost.idle_cpu_s / cost.idle_s * 100
        words.append(f"{idle:.2f} % of one core idle")
    words.append(f"{cost.peak_rss / (1 << 20):.0f} MiB at most")
    return ", ".join(words)

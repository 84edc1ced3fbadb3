"""The pictures of a result, as SVG. Pure."""

import math
from collections.abc import Callable, Sequence
from html import escape

from syncd.bench.figures import mean_steps, milliseconds
from syncd.bench.samples import STEPS, Result, Sample, totals
from syncd.bench.stats import quantile


_WIDTH = 960
_LEFT = 120  # for the names
_RIGHT = 70
_ROW = 44
_FOOT = 28
_TICKS = 6

_At = Callable[[float], float]


def distribution(result: Result) -> str:
    """Draw every counted edit on a line for its mode."""
    served = [s.total_ms for m in result.modes for s in result.counted(m)]
    most, step = _scale(max((ms for ms in served if ms is not None), default=1.0))
    at = _across(most)
    parts = _axis(len(result.modes), most, step, at)
    for index, mode in enumerate(result.modes):
        parts += _dots(mode, result.counted(mode), index * _ROW + _ROW / 2, at)
    return _svg("Saved to served, each edit by mode", len(result.modes), parts)


def _dots(mode: str, samples: Sequence[Sample], y: float, at: _At) -> list[str]:
    parts = [_name(mode, y)]
    for place, sample in enumerate(samples):
        # Apart from each other, by the order they were taken in.
        off = y + (place % 5 - 2) * 4
        if sample.total_ms is None:
            title = f"{mode} {sample.number}: {sample.failed}"
            x = _WIDTH - _RIGHT + 12.0
            parts.append(_dot("failed", x, off, title))
        else:
            title = f"{mode} {sample.number}: {milliseconds(sample.total_ms)}"
            parts.append(_dot("dot", at(sample.total_ms), off, title))
    for q in (0.5, 0.95):
        if samples and not math.isinf(value := quantile(totals(samples), q)):
            tick = f"{at(value):.1f}"
            parts.append(
                f'<line class="tick" x1="{tick}" x2="{tick}"'
                f' y1="{y - 14}" y2="{y + 14}">'
                f"<title>p{q * 100:g}: {milliseconds(value)}</title></line>"
            )
    return parts


def _dot(kind: str, x: float, y: float, title: str) -> str:
    return (
        f'<circle class="{kind}" cx="{x:.1f}" cy="{y:.1f}" r="4">'
        f"<title>{escape(title)}</title></circle>"
    )


def waterfall(result: Result) -> str:
    """Draw for each mode its steps, one after the other."""
    bars = {mode: mean_steps(result.counted(mode)) for mode in result.modes}
    longest = max((sum(s.took_ms for s in steps) for steps in bars.values()), default=0)
    most, step = _scale(longest or 1.0)
    at = _across(most)
    parts = _axis(len(bars), most, step, at)
    for index, (mode, steps) in enumerate(bars.items()):
        y, so_far = index * _ROW + 10, 0.0
        parts.append(_name(mode, y + 12))
        for name, took_ms in steps:
            x, width = at(so_far), at(so_far + took_ms) - at(so_far)
            parts.append(
                f'<rect x="{x:.1f}" y="{y}" width="{width:.2f}" height="24"'
                f' style="fill: var(--s{STEPS.index(name)})">'
                f"<title>{name}: {milliseconds(took_ms)}</title></rect>"
            )
            so_far += took_ms
        if steps:
            total = milliseconds(so_far)
            parts.append(f'<text x="{at(so_far) + 6:.1f}" y="{y + 16}">{total}</text>')
    return _svg("Mean of each step by mode", len(bars), parts)


def _svg(label: str, rows: int, parts: Sequence[str]) -> str:
    height = rows * _ROW + _FOOT
    inside = "\n".join(parts)
    return (
        f'<svg role="img" aria-label="{escape(label)}" viewBox="0 0 {_WIDTH} {height}">'
        f"\n{inside}\n</svg>"
    )


def _name(mode: str, y: float) -> str:
    return f'<text x="0" y="{y + 4}">{escape(mode)}</text>'


def _axis(rows: int, most: float, step: float, at: _At) -> list[str]:
    parts, bottom = [], rows * _ROW
    for index in range(round(most / step) + 1):
        x = f"{at(index * step):.1f}"
        parts.append(f'<line x1="{x}" x2="{x}" y1="0" y2="{bottom}"/>')
        parts.append(
            f'<text class="faint" x="{x}" y="{bottom + 18}" text-anchor="middle">'
            f"{index * step:g} ms</text>"
        )
    return parts


def _scale(most: float) -> tuple[float, float]:
    """Return a round end of an axis that holds `most`, and the distance of its ticks."""
    rough = most / _TICKS
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next(power * n for n in (1, 2, 5, 10) if power * n >= rough * (1 - 1e-9))
    return math.ceil(most / step - 1e-9) * step, step


def _across(most: float) -> _At:
    width = _WIDTH - _LEFT - _RIGHT
    return lambda value: _LEFT + value / most * width

"""A result as Markdown, to paste into a page. Pure."""

from collections.abc import Iterable

from syncd.bench import figures
from syncd.bench.samples import Result


_SHAPE = ("processor", "cores", "python", "cluster", "runtime", "image", "load before")


def page(result: Result) -> str:
    """Return the figures of a result, and what they were measured on."""
    shape = [f"{key} {result.environment[key]}" for key in _shape(result)]
    columns = figures.COLUMNS
    lines = [
        f"Pattern `{result.pattern}`; {', '.join(shape)}.",
        "",
        _row(columns),
        _row(["---", *["---:"] * (len(columns) - 1)]),
        *(_row([f"`{row.mode}`", *row.cells[1:]]) for row in figures.rows(result)),
        "",
    ]
    for mode in result.modes:
        steps = figures.mean_steps(result.counted(mode))
        if len(steps) > 1:
            said = " · ".join(f"{step.name} {step.took_ms:.1f}" for step in steps)
            lines.append(f"- `{mode}`, the mean of each step in ms: {said}")
    lines += [f"- {note}" for note in figures.notes(result)]
    return "\n".join(lines) + "\n"


def _shape(result: Result) -> Iterable[str]:
    return (key for key in _SHAPE if result.environment.get(key))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"

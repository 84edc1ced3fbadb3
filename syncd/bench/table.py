"""A result as text for people."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from syncd.bench import figures
from syncd.bench.samples import Result


def show(result: Result, console: Console) -> None:
    """Print the figures of a result."""
    table = Table(*figures.COLUMNS[:1], box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for column in figures.COLUMNS[1:]:
        table.add_column(column, justify="right", no_wrap=True)
    for row in figures.rows(result):
        table.add_row(*map(Text, row.cells))
    console.print()
    console.print(table)
    console.print()
    for mode in result.modes:
        steps = figures.mean_steps(result.counted(mode))
        if len(steps) > 1:
            said = " · ".join(f"{step.name} {step.took_ms:.1f}" for step in steps)
            console.out(f"{mode}, mean of each step in ms: {said}", highlight=False)
    for note in figures.notes(result):
        console.out(note, highlight=False)

"""A result as Markdown, to paste into a page. Pure."""

import shlex
from collections.abc import Iterable, Iterator
from pathlib import PurePath
from textwrap import wrap

from syncd.bench import figures
from syncd.bench.samples import Result


_WIDTH = 88
_SAID = {
    "syncd": "syncd {}",
    "python": "Python {}",
    "system": "{}",
    "cluster": "Kubernetes {}",
    "runtime": "{}",
    "image": "image `{}`",
    "container runs": "which runs `{}`",
    "local runs": "`local` runs `{}`",
}


def page(result: Result) -> str:
    """Return all that is to say: what was run, on what, the figures, where time goes."""
    return "\n".join([*_head(result), *_table(result), *_notes(result), ""])


def _head(result: Result) -> Iterator[str]:
    known = result.environment
    if command := known.get("command"):
        yield from ("```sh", *_wrapped(command), "```", "")
    words = [f"{known.get('cores', '?')} cores ({known.get('processor', 'unknown')})"]
    if "load before" in known:
        loads = [known["load before"], known.get("load after", "")]
        words.append(f"load {' and then '.join(filter(None, loads))}")
    words += [said.format(_bare(known[k])) for k, said in _SAID.items() if known.get(k)]
    how = "a command" if result.pattern.startswith("--edit") else f"`{result.pattern}`"
    said = (
        f"On {', '.join(words)}. Edits by {how}; the modes took turns. In brackets"
        " stands the 95 % bootstrap interval of a ratio."
    )
    yield from wrap(said, _WIDTH, break_long_words=False, break_on_hyphens=False)
    yield ""


def _bare(said: str) -> str:
    """Return a command without where its program lies on this machine or that."""
    first, space, rest = said.partition(" ")
    return f"{PurePath(first).name}{space}{rest}" if first[:1] == "/" else said


def _wrapped(command: str) -> list[str]:
    """Return a command line as lines of a script, broken before options."""
    lines = [""]
    for word in map(shlex.quote, shlex.split(command)):
        if word.startswith("-") and len(lines[-1]) + len(word) > _WIDTH - 8:
            lines[-1] += " \\"
            lines.append(f"    {word}")
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines


def _table(result: Result) -> Iterator[str]:
    columns = figures.COLUMNS
    yield _row(columns)
    yield _row(["---", *["---:"] * (len(columns) - 1)])
    for row in figures.rows(result):
        yield _row([f"`{row.mode}`", *row.cells[1:]])
    yield ""


def _notes(result: Result) -> Iterator[str]:
    for mode in result.modes:
        steps = figures.mean_steps(result.counted(mode))
        if len(steps) > 1:
            said = " · ".join(f"{step.name} {step.took_ms:.1f}" for step in steps)
            yield f"- `{mode}`, the mean of each step in ms: {said}"
    yield from (f"- {note}" for note in figures.notes(result))


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"

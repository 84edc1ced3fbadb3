"""A result as one page of HTML that needs nothing else. Pure."""

from collections.abc import Iterable, Sequence
from html import escape

from syncd.bench import figures
from syncd.bench.drawing import distribution, waterfall
from syncd.bench.samples import STEPS, Result, Step


COLOURS = (
    ("#218bff", "#58a6ff"),
    ("#8250df", "#bc8cff"),
    ("#9a6700", "#d29922"),
    ("#1a7f37", "#3fb950"),
    ("#0a7ea4", "#39c5cf"),
    ("#cf222e", "#ff7b72"),
    ("#bc4c00", "#f0883e"),
    ("#bf3989", "#f778ba"),
    ("#6e7781", "#8b949e"),
)
"""Of each of `STEPS`, on light paper and on dark."""


def _steps_in(scheme: int) -> str:
    return " ".join(f"--s{n}: {each[scheme]};" for n, each in enumerate(COLOURS))


_VARIABLES = f"""
:root {{ color-scheme: light dark;
  --ink: #1b1f24; --faint: #656d76; --line: #d0d7de; --paper: #fff; --mark: #0969da;
  --bad: #cf222e;
  {_steps_in(0)} }}
@media (prefers-color-scheme: dark) {{ :root {{
  --ink: #e6edf3; --faint: #8d96a0; --line: #30363d; --paper: #0d1117; --mark: #58a6ff;
  --bad: #ff7b72;
  {_steps_in(1)} }} }}
"""
_STYLE = """
body { margin: 2rem auto; max-width: 62rem; padding: 0 1rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem .2rem 0; text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
thead th { color: var(--faint); font-weight: 500; border-bottom: 1px solid var(--line); }
.facts td { text-align: left; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
p.note { color: var(--faint); }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg text.faint { fill: var(--faint); }
svg line { stroke: var(--line); }
svg .dot { fill: var(--mark); fill-opacity: .45; }
svg .tick { stroke: var(--ink); stroke-width: 2; }
svg .failed { fill: var(--bad); }
.key span { margin-right: 1rem; white-space: nowrap; }
.key i { display: inline-block; width: .8em; height: .8em; margin-right: .3em; }
"""


def page(result: Result) -> str:
    """Return the page: figures, how they spread, where the time goes, and where it ran."""
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>syncd bench: save to served</title>
<style>{_VARIABLES}{_STYLE}</style>
</head>
<body>
<h1>From a save to the new answer</h1>
{_summary(result)}
<h2>How it spreads</h2>
{distribution(result)}
<p class="note">A dot is an edit; the strokes are the median and the 95th percentile.</p>
<h2>Where the time goes</h2>
{waterfall(result)}
{_key(result)}
<p class="note">The mean of each step over the edits that were served. What a mode does
not tell apart is in its last step.</p>
<h2>Where it ran</h2>
{_facts(result)}
</body>
</html>
"""


def _summary(result: Result) -> str:
    head = _row("th", figures.COLUMNS)
    body = "\n".join(_row("td", row.cells) for row in figures.rows(result))
    notes = "".join(
        f'<p class="note">{escape(note)}</p>' for note in figures.notes(result)
    )
    return (
        f'<div class="wide"><table><thead>{head}</thead>\n<tbody>{body}</tbody>'
        f"</table></div>\n{notes}"
    )


def _row(tag: str, cells: Iterable[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


def _key(result: Result) -> str:
    seen = {s.name for m in result.modes for s in _steps(result, m)}
    items = [
        f'<span><i style="background: var(--s{index})"></i>{name}</span>'
        for index, name in enumerate(STEPS)
        if name in seen
    ]
    return f'<p class="key">{"".join(items)}</p>'


def _steps(result: Result, mode: str) -> Sequence[Step]:
    return figures.mean_steps(result.counted(mode))


def _facts(result: Result) -> str:
    facts = {"pattern": result.pattern, **result.environment}
    body = "\n".join(_row("td", item) for item in facts.items())
    return f'<table class="facts"><tbody>{body}</tbody></table>'

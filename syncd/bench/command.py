"""`syncd bench`: measure, report, judge."""

import shlex
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread
from rich.console import Console

from syncd.bench import figures, markdown, page, record, table, verdict
from syncd.bench.bench import CutShort, run
from syncd.bench.embedded import embedded
from syncd.bench.options import PATTERNS
from syncd.bench.plan import Plan
from syncd.bench.samples import Result, Sample
from syncd.config import Settings
from syncd.errors import ConfigError, SyncdError


# A pipe has no edge, and on a narrow terminal a line that goes on below is better than
# one cut off.
_WIDE = 160


@dataclass(frozen=True, slots=True)
class Reports:
    """What is made of the result.

    Attributes:
        json: Where every sample goes.
        html: Where the page goes.
        markdown: Where the tables for a page of text go.
        limits: What syncd may take at most.
        earlier: What to compare with.
    """

    json: Path | None
    html: Path | None
    markdown: Path | None
    limits: Sequence[verdict.Limit]
    earlier: Result | None


async def measure(settings: Settings | None, options: dict[str, Any]) -> int:
    """Do what the options of `syncd bench` say.

    Args:
        settings: The target; None for an embedded cluster.
        options: As `options.OPTIONS` names them.

    Returns:
        0, or 1 if an edit was not served or a limit was broken.

    Raises:
        SyncdError: If it could not be measured at all.
    """
    plan, reports = _plan(options), await to_thread.run_sync(_reports, options)
    if reports.earlier is not None:
        modes = [mode.partition("=")[0] for mode in plan.modes]
        verdict.check(reports.earlier, plan.edits, modes)
    console = _Console(highlight=False, width=_WIDE)

    def told(sample: Sample) -> None:
        try:
            console.out(_line(sample), highlight=False)
        except BrokenPipeError:
            reading.cancel()

    def interrupted(result: Result) -> None:
        _report(result, reports, console)

    cause: SyncdError | None = None
    with anyio.CancelScope() as reading:
        async with AsyncExitStack() as stack:
            if settings is None:
                cluster = embedded(plan, console.out)
                there = await stack.enter_async_context(cluster)
            else:
                there = (settings, plan)
            try:
                result = await run(*there, told, interrupted)
            except CutShort as short:
                result, cause = short.result, short.cause
    if reading.cancelled_caught:
        raise BrokenPipeError
    code = await to_thread.run_sync(_report, result, reports, console)
    if cause is not None:
        raise cause
    return code


class _Console(Console):
    """One that leaves it to the command what to do when nobody reads any more."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def _plan(options: dict[str, Any]) -> Plan:
    names = [mode.partition("=")[0] for mode in options["modes"]]
    if len(set(names)) < len(names):
        raise ConfigError(
            f"a mode is named twice: {', '.join(names)}",
            hint="a command's name is what stands before its =",
        )
    if options["attach"] and options["embedded"]:
        raise ConfigError(
            "no syncd runs yet on an embedded cluster",
            hint="leave out --attach or --embedded",
        )
    if options["edit"] is not None and not options["edit"].strip():
        raise ConfigError("--edit says nothing", hint="say a shell command")
    if options["edit"] is not None and options["pattern"] != PATTERNS[0]:
        raise ConfigError(
            f"--edit makes the edits, and so does --pattern {options['pattern']}",
            hint="leave one of them out",
        )
    return Plan(
        edit=options["edit"],
        file=options["edited"],
        marker=options["marker"],
        modes=tuple(options["modes"]),
        pattern=options["pattern"],
        iterations=options["iterations"],
        warmup=options["warmup"],
        timeout_s=options["timeout_s"],
        url=options["url"],
        attach=options["attach"],
        command=shlex.join(["syncd", *sys.argv[1:]]),
        local_command=tuple(shlex.split(options["local_command"] or "")),
    )


def _reports(options: dict[str, Any]) -> Reports:
    compare = options["compare"]
    return Reports(
        json=options["json"],
        html=options["html"],
        markdown=options["markdown"],
        limits=[verdict.Limit.parse(limit) for limit in options["limits"]],
        earlier=record.load(compare) if compare else None,
    )


def _line(sample: Sample) -> str:
    head = f"{sample.number + 1:>3} {sample.mode:<12}"
    aside = "   warm-up" if sample.warmup else ""
    if sample.total_ms is None:
        return f"{head} failed: {sample.failed}{aside}"
    steps = [step for step in sample.steps if len(sample.steps) > 1]
    split = " · ".join(f"{step.name} {step.took_ms:.1f}" for step in steps)
    return f"{head}{figures.milliseconds(sample.total_ms):>9}   {split}{aside}".rstrip()


def _report(result: Result, reports: Reports, console: Console) -> int:
    files = (
        (reports.json, record.dumps),
        (reports.html, page.page),
        (reports.markdown, markdown.page),
    )
    written = [(path, text) for path, text in files if path is not None]
    for path, text in written:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(result))
    table.show(result, console)
    for path, _ in written:
        console.out(f"wrote {path}", highlight=False)
    failed = any(sample.failed for sample in result.counted("syncd"))
    for limit in reports.limits:
        if broken := limit.broken_by(result.counted("syncd")):
            failed = True
            console.out(f"too slow: {broken}", highlight=False)
    if reports.earlier is not None:
        changes = verdict.compare(result, reports.earlier)
        for change in changes:
            console.out(str(change), highlight=False)
        failed = failed or verdict.is_regression(changes)
    return 1 if failed else 0

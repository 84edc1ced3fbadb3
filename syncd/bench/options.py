"""What `syncd bench` can be told. Imports nothing that takes time."""

from pathlib import Path

import click


PATTERNS = ("save", "burst", "files20", "rename", "delete", "branch-switch")
MODES = ("syncd", "local")

_JSON = click.Path(dir_okay=False, path_type=Path)

OPTIONS = (
    click.option(
        "--embedded",
        is_flag=True,
        help="Measure the demo's program on an embedded cluster; nothing else is needed.",
    ),
    click.option(
        "--attach",
        is_flag=True,
        help="Measure the syncd that watches this project already, by edits in its"
        " folder itself, which are undone at the end.",
    ),
    click.option(
        "--file",
        "edited",
        type=click.Path(path_type=Path),
        metavar="FILE",
        default=Path("main.py"),
        show_default=True,
        help="What is edited, relative to the folder.",
    ),
    click.option(
        "--marker",
        metavar="TEXT",
        default="hello from myapp",
        show_default=True,
        help="The text in it that each edit replaces, and that the answer shows.",
    ),
    click.option(
        "--edit",
        metavar="COMMAND",
        help="A shell command that makes the edits instead: it runs in the folder that is"
        " edited, and must make the program answer with $SYNCD_BENCH_MARKER.",
    ),
    click.option(
        "--url",
        metavar="URL",
        help="Where the program answers; else a forwarded port of the container.",
    ),
    click.option(
        "--mode",
        "modes",
        metavar="MODE",
        multiple=True,
        default=MODES,
        show_default=True,
        help="syncd, local, exec-tar, kubectl-exec, kubectl-cp, rebuild, or NAME=COMMAND: run"
        " after each save, or once if it ends with &. May be repeated.",
    ),
    click.option(
        "--pattern",
        type=click.Choice(PATTERNS),
        default="save",
        show_default=True,
        help="What an edit is.",
    ),
    click.option(
        "--iterations",
        type=click.IntRange(min=1),
        default=20,
        show_default=True,
        help="How many edits of each mode count.",
    ),
    click.option(
        "--warmup",
        type=click.IntRange(min=0),
        default=2,
        show_default=True,
        help="How many go before them.",
    ),
    click.option(
        "--timeout",
        "timeout_s",
        type=click.FloatRange(min=0, min_open=True),
        default=30.0,
        show_default=True,
        metavar="SECONDS",
        help="An edit that is not served by then has failed.",
    ),
    click.option(
        "--local-command",
        metavar="COMMAND",
        help="How mode local runs the program, with {port}; else as the container does.",
    ),
    click.option("--json", type=_JSON, metavar="FILE", help="Write every sample."),
    click.option(
        "--html", type=_JSON, metavar="FILE", help="Write a page with pictures."
    ),
    click.option(
        "--markdown",
        type=_JSON,
        metavar="FILE",
        help="Write tables for a page of text.",
    ),
    click.option(
        "--fail-over",
        "limits",
        metavar="pN=TIME",
        multiple=True,
        help="Fail if syncd takes longer, such as p95=800ms or applied.p50=20ms.",
    ),
    click.option(
        "--compare",
        type=_JSON,
        metavar="FILE",
        help="Compare with an earlier --json; fail if syncd became slower beyond noise.",
    ),
)

"""What the commands take: the arguments and options that they have in common."""

import math
from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from syncd.errors import ConfigError


if TYPE_CHECKING:
    from syncd.config import Settings


INTERRUPTED = 130  # what a shell makes of Ctrl-C

F = TypeVar("F", bound=Callable[..., Any])


def _noted(ctx: click.Context, parameter: click.Parameter, value: object) -> object:
    """Keep a value where a failure can see it, whichever command it was given to."""
    ctx.meta[f"syncd.{parameter.name}"] = value
    return value


def _number(_: click.Context, __: click.Parameter, value: float) -> float:
    if math.isnan(value):
        raise click.BadParameter("nan is not a number")
    return value


def timeout(said: str) -> Callable[[F], F]:
    """Return the option `--timeout`, which a minute is enough for as a rule."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=0),
        default=60,
        show_default=True,
        metavar="SECONDS",
        callback=_number,
        help=said,
    )


PAIR = (
    click.argument("local", required=False, metavar="[LOCAL"),
    click.argument("target", required=False, metavar="TARGET:PATH]"),
)
WHERE = (
    click.option("-n", "--namespace", help="Namespace of the targets."),
    click.option("-c", "--container", help="Container, where a Pod has several."),
    click.option("--context", help="The kubeconfig context to use."),
    click.option("--kubeconfig", metavar="FILE", help="The kubeconfig file to use."),
    click.option(
        "--allow-context",
        "allow_contexts",
        metavar="PATTERN",
        multiple=True,
        help="Allow a context that is not a local cluster. May be repeated.",
    ),
)
SETTINGS = (
    *WHERE,
    click.option(
        "--mode",
        metavar="MODE",
        help="one-way-safe, or one-way-replica to delete what is not here.",
    ),
    click.option(
        "--poll/--no-poll",
        default=None,
        help="Look by the clock: for network file systems.",
    ),
)
FILE = (
    click.option(
        "--config",
        "file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        envvar="SYNCD_CONFIG",
        help="The settings file, instead of searching upwards for one.",
    ),
)
OUTPUT = (
    click.option(
        "--output",
        type=click.Choice(["console", "plain", "json"]),
        envvar="SYNCD_OUTPUT",
        callback=_noted,
        is_eager=True,
        help="console on a terminal, else plain; json: one object per event.",
    ),
    click.option(
        "-v",
        "--verbose",
        count=True,
        callback=_noted,
        is_eager=True,
        help="Tell more; -vv shows tracebacks.",
    ),
    click.option("-q", "--quiet", is_flag=True, help="Tell warnings and errors only."),
)
TEXT = (
    click.option(
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        callback=_noted,
        is_eager=True,
        help="text for people; json: one object.",
    ),
)
RUNNING = (
    click.option(
        "--project",
        type=click.Path(path_type=Path, exists=True, file_okay=False),
        metavar="FOLDER",
        help="The project, or a folder in it, instead of the working folder.",
    ),
    *TEXT,
)


def taking(*parameters: Callable[[F], F]) -> Callable[[F], F]:
    """Return what gives a command `parameters`, in their order."""
    return lambda function: reduce(lambda f, add: add(f), parameters[::-1], function)


def here() -> Path:
    """Return the working folder.

    Raises:
        ConfigError: If there is none any more.
    """
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise ConfigError(
            "the working folder no longer exists", hint="change into another one"
        ) from error


def settings_of(options: dict[str, Any]) -> "Settings":
    """Return the settings that the options of a command come to.

    Raises:
        ConfigError: If they make no sense.
    """
    from syncd import config  # noqa: PLC0415  # costs more than `syncd --help` may

    flags = config.Flags(
        namespace=options["namespace"],
        container=options["container"],
        context=options["context"],
        kubeconfig=options["kubeconfig"],
        allow_contexts=options["allow_contexts"] or None,
        mode=options.get("mode"),
        poll=options.get("poll"),
    )
    pair = _pair(options["local"], options["target"])
    return config.load(here(), flags=flags, file=options["file"], pair=pair)


def _pair(local: str | None, target: str | None) -> tuple[str, str] | None:
    if local is None:
        return None
    if target is None:
        raise click.UsageError(
            f"LOCAL {local!r} stands alone; name where it goes, such as"
            " deployment/myapp:/app"
        )
    return local, target

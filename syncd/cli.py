"""The commands: they parse, wire and print.

Everything but click is imported where a command needs it, so that `syncd --help` does
not pay for a Kubernetes client.
"""

# ruff: noqa: PLC0415, ANN401  # see above; click's values are what they are

import os
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click

from syncd import __version__, asking, outset
from syncd.bench import options as bench_options
from syncd.parameters import (
    FILE,
    INTERRUPTED,
    OUTPUT,
    PAIR,
    SETTINGS,
    WHERE,
    here,
    settings_of,
    taking,
    timeout,
)


READER_GONE = 141  # what a shell makes of SIGPIPE


class _Commands(click.Group):
    """A group of commands in which every failure ends in one message and a code."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except KeyboardInterrupt:
            ctx.exit(INTERRUPTED)
        except BrokenPipeError:
            _forget_stdout()
            ctx.exit(READER_GONE)
        except Exception as error:  # noqa: BLE001  # the last stop before the user
            ctx.exit(_report(ctx, error))


def _report(ctx: click.Context, error: Exception) -> int:
    """Say what went wrong, and return the exit code."""
    from syncd.ui import failure

    debug = ctx.meta.get("syncd.verbose", 0) > 1 or _is_set("SYNCD_DEBUG")
    try:
        return failure.report(error, form=ctx.meta.get("syncd.output"), debug=debug)
    except OSError:  # it was to be said on standard output
        _forget_stdout()
        return failure.report(error)


def _forget_stdout() -> None:
    """Keep the interpreter from flushing, at its end, what nobody takes."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "0") not in ("", "0")


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 96},
)
@click.version_option(__version__, "--version", message="syncd %(version)s")
def cli() -> None:
    """Keep running Pods in step with a folder: save a file, and the Pod serves it.

    Settings are read from syncd.toml, or [tool.syncd] in pyproject.toml, in the working
    folder or above. Every option of the settings is also a variable: --context is
    SYNCD_CONTEXT.
    """


@cli.command()
@taking(*PAIR, *SETTINGS, *FILE, *OUTPUT)
@click.pass_context
def watch(ctx: click.Context, /, **options: Any) -> None:
    r"""Keep the targets in step until Ctrl-C.

    The targets are those of the settings file. Without a file, name a folder and a
    target as `kubectl cp` does:

    \b
        syncd watch ./app deployment/myapp:/app -n myapp
        syncd watch ./app myapp/mypod-0:/app -c web
    """
    ctx.exit(_sync(options, once=False))


@cli.command()
@taking(*PAIR, *SETTINGS, *FILE, *OUTPUT)
@timeout("Give up after this long; commands of `run` rules have their own time.")
@click.pass_context
def sync(ctx: click.Context, /, **options: Any) -> None:
    """Bring the targets in step once, then exit.

    Takes the same arguments as `syncd watch`. Exits with 0 when every replica holds
    what the local folders hold, and has run what the rules ask for; 1 when some paths
    could not be made equal, or a command failed; 7 if it took too long.
    """
    ctx.exit(_sync(options, once=True))


@cli.command()
@taking(*PAIR, *WHERE, *FILE, *OUTPUT)
@click.pass_context
def restore(ctx: click.Context, /, **options: Any) -> None:
    """Make the targets' workloads again what they were before `reloader.inject`.

    Takes the same arguments as `syncd watch`. Waits until the rollout is complete.
    """
    from syncd.ui import stop

    settings = settings_of(options)
    with _reporting(options) as emit:
        from syncd.daemon import restoring

        code = stop.run(partial(restoring.restore, settings, emit))
    ctx.exit(INTERRUPTED if code is None else code)


def _sync(options: dict[str, Any], *, once: bool) -> int:
    from syncd.ui import stop

    settings = settings_of(options)
    with ExitStack() as held:
        claim = None if once else held.enter_context(_claim(settings))
        emit = held.enter_context(_reporting(options))
        from syncd import daemon

        once_s = options["timeout"] if once else None
        code = stop.run(partial(daemon.run, settings, emit, once_s=once_s, claim=claim))
    if code is None:
        return INTERRUPTED if once else 0
    return code


def _reporting(options: dict[str, Any]) -> Any:
    """Return what gives the `Emit` that the options ask for."""
    from syncd.ui import aside, forms, output, stop

    least = output.least_level(verbose=options["verbose"] > 0, quiet=options["quiet"])
    moment = aside.Moment()
    stream = aside.own_stdout()
    form = forms.open_output(
        options["output"], least=least, clock=moment, stream=stream
    )
    return aside.Aside(output.UntilGone(form, stop.ask), moment, stream)


def _claim(settings: Any) -> Any:
    from syncd import control

    targets = tuple(target.title for target in settings.targets)
    return control.Claim(settings.project, targets)


@cli.command()
@click.option(
    "--edits",
    type=click.IntRange(min=1),
    envvar="DEMO_EDITS",
    help="Make this many edits by itself, time each, and exit.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="a free one",
    help="Where to serve the program.",
)
@click.pass_context
def demo(ctx: click.Context, edits: int | None, port: int) -> None:
    """Show all of it on an embedded cluster: nothing else is needed.

    Serves a program from a Pod, says what to edit and where to look. Without a terminal
    it makes the edits itself; it fails if one of them was not served.
    """
    from syncd.ui import forms, output, stop

    with output.UntilGone(forms.open_output(None), stop.ask) as emit:
        from syncd.loopback.demo import demo

        code = stop.run(
            partial(demo, edits=edits, port=port, emit=emit, say=click.echo)
        )
    ctx.exit((INTERRUPTED if edits else 0) if code is None else code)


@cli.command()
@taking(*PAIR, *WHERE, *FILE, *bench_options.OPTIONS)
@click.pass_context
def bench(ctx: click.Context, /, **options: Any) -> None:
    """Measure from a save to the new answer, by syncd and by others beside it.

    Edits copies of the folder, by every mode in turn, and looks at the program until it
    serves each edit. The target is in step with the folder afterwards. Exits with 1 if
    an edit by syncd was not served, or a limit was broken.
    """
    from syncd.bench.command import measure
    from syncd.ui import stop

    settings = None
    if not options["embedded"]:
        settings = settings_of(options)
    code = stop.run(partial(measure, settings, options))
    ctx.exit(INTERRUPTED if code is None else code)


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@taking(*FILE)
@click.pass_context
def explain(ctx: click.Context, path: Path, file: Path | None) -> None:
    """Tell where PATH would land, or which rule keeps it here, and where that stands.

    Exits with 0 if the path is synced somewhere, 1 if it is not.
    """
    from syncd import config
    from syncd.ui.explain import explained

    cwd = here()
    settings = config.load(cwd, file=file)
    lines, synced = explained(settings, path, cwd)
    click.echo("\n".join(lines))
    ctx.exit(0 if synced else 1)


@cli.command()
@click.option(
    "--check",
    "checked",
    is_flag=False,
    flag_value=Path(),
    default=None,
    type=click.Path(path_type=Path),
    metavar="[FILE]",
    help="Check the settings instead: those of FILE, or those that would be used here.",
)
@click.option("--events", is_flag=True, help="Print the page on events instead.")
def schema(checked: Path | None, *, events: bool) -> None:
    """Print the JSON Schema of the settings file."""
    from syncd import config
    from syncd.ui import reference, text

    if events:
        click.echo(reference.events_page(), nl=False)
        return
    if checked is None:
        click.echo(config.schema(), nl=False)
        return
    settings = config.load(here(), file=None if checked == Path() else checked)
    targets = text.count(len(settings.targets), "target")
    click.echo(f"{settings.source}: {targets}, nothing wrong")


for command in (*asking.COMMANDS, *outset.COMMANDS):
    cli.add_command(command)

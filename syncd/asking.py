"""The commands that ask the `syncd watch` of a project.

As in `cli`, what a command needs is imported where it needs it.
"""

# ruff: noqa: PLC0415, ANN401  # see above; click's values are what they are

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click

from syncd.parameters import INTERRUPTED, RUNNING, here, taking, timeout


@click.command()
@click.option("--why", is_flag=True, help="Tell why each Pod that is left out is.")
@taking(*RUNNING)
@click.pass_context
def status(ctx: click.Context, /, *, why: bool, **options: Any) -> None:
    """Show how the `syncd watch` of this project stands.

    Exits with 0 if every replica is in step, 1 if one is not, 6 if no syncd runs here.
    """
    import json
    from dataclasses import asdict

    found = _ask(ctx, options["project"], lambda client: client.status())
    if options["output"] == "json":
        click.echo(json.dumps(asdict(found)))
    else:
        from syncd.ui.standing import standing

        click.echo("\n".join(standing(found, why=why)))
    ctx.exit(0 if found.in_step else 1)


@click.command()
@click.option("--ready", is_flag=True, help="Wait until the program serves it, too.")
@timeout("Give up after this long.")
@taking(*RUNNING)
@click.pass_context
def wait(ctx: click.Context, /, *, ready: bool, **options: Any) -> None:
    """Return when all that was saved before is applied in every replica.

    Asks the `syncd watch` of this project. Exits with 0 when it is so, 1 when some
    paths could not be made equal, 6 if no syncd runs here, 7 if it took too long.
    """
    import json
    from dataclasses import asdict

    from syncd.ui import text

    waited = _ask(
        ctx,
        options["project"],
        lambda client: client.wait(ready=ready, timeout_s=options["timeout"]),
    )
    if options["output"] == "json":
        click.echo(json.dumps(asdict(waited)))
    else:
        replicas = text.count(waited.replicas, "replica")
        goal = "served" if ready else "applied"
        click.echo(f"all is {goal}: {replicas}, {text.took(waited.took_ms)}")


@click.command()
@taking(*RUNNING)
@click.pass_context
def stop(ctx: click.Context, /, **options: Any) -> None:
    """End the `syncd watch` of this project, and return when it is gone.

    Exits with 6 if no syncd runs here.
    """
    import json

    pid = _ask(ctx, options["project"], _stopped)
    if options["output"] == "json":
        click.echo(json.dumps({"pid": pid}))
    else:
        click.echo(f"process {pid} has ended")


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="a free one",
    help="Where to serve the page.",
)
@taking(*RUNNING)
@click.pass_context
def dashboard(ctx: click.Context, /, *, port: int, **options: Any) -> None:
    """Show the `syncd watch` of this project on a page in the browser.

    Prints a link to follow, which is good for once, and serves the page on this machine
    until Ctrl-C. Exits with 6 if no syncd runs here.
    """
    import json

    folder = _watched(options["project"])

    from syncd.ui import stop as signals
    from syncd.ui.dashboard import Feed, serve

    def tell(link: str) -> None:
        click.echo(json.dumps({"url": link}) if options["output"] == "json" else link)

    async def show() -> int:
        await serve(Feed(folder), port, tell)
        return 0

    ctx.exit(signals.run(show) or 0)


async def _stopped(client: Any) -> int:
    await client.stop()
    return int(client.record.pid)


def _ask(
    ctx: click.Context,
    project: Path | None,
    question: Callable[[Any], Awaitable[Any]],
) -> Any:
    """Return what the syncd of a project answers, or end as Ctrl-C does."""
    folder = _watched(project)

    from syncd import control
    from syncd.ui import stop as signals

    answers: list[Any] = []

    async def ask() -> int:
        async with control.connect(folder) as client:
            answers.append(await question(client))
        return 0

    if signals.run(ask) is None:
        ctx.exit(INTERRUPTED)
    return answers[0]


def _watched(project: Path | None) -> Path:
    """Return the project's folder, or one in it, if a syncd watches it.

    Raises:
        Absent: If none does; it is said without what it takes to ask one.
    """
    from syncd import control

    folder = here() / (project or "")
    if control.find(folder) is None:
        raise control.absent(folder)
    return folder


COMMANDS = (status, wait, stop, dashboard)

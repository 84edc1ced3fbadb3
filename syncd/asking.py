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


async def _stopped(client: Any) -> int:
    await client.stop()
    return int(client.record.pid)


def _ask(
    ctx: click.Context,
    project: Path | None,
    question: Callable[[Any], Awaitable[Any]],
) -> Any:
    """Return what the syncd of a project answers, or end as Ctrl-C does."""
    from syncd import control

    folder = here() / (project or "")
    if control.find(folder) is None:
        raise control.absent(folder)  # without what it takes to ask

    from syncd.ui import stop as signals

    answers: list[Any] = []

    async def ask() -> int:
        async with control.connect(folder) as client:
            answers.append(await question(client))
        return 0

    if signals.run(ask) is None:
        ctx.exit(INTERRUPTED)
    return answers[0]


COMMANDS = (status, wait, stop)

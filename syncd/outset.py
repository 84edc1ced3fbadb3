"""The commands for a beginning: what is wrong, and a first settings file.

As in `cli`, what a command needs is imported where it needs it.
"""

# ruff: noqa: PLC0415, ANN401  # see above; click's values are what they are

from typing import Any

import click

from syncd.parameters import FILE, INTERRUPTED, PAIR, TEXT, WHERE, settings_of, taking


@click.command()
@taking(*PAIR, *WHERE, *FILE, *TEXT)
@click.pass_context
def doctor(ctx: click.Context, /, **options: Any) -> None:
    """Check all that syncd stands on, and tell what mends it.

    The settings, the folders, inotify, the builder, the context, the API server, this
    account's rights, the Pods and what is in them. Nothing is changed. Exits with 0 if
    nothing has failed, 1 if something has.
    """
    import json
    from dataclasses import asdict

    from syncd.doctor import Finding, examine
    from syncd.ui import stop
    from syncd.ui.findings import finding

    found: list[Finding] = []

    def tell(each: Finding) -> None:
        found.append(each)
        if options["output"] == "text":
            click.echo("\n".join(finding(each)))

    async def run() -> int:
        await examine(lambda: settings_of(options), tell)
        return 1 if any(each.verdict == "failed" for each in found) else 0

    code = stop.run(run)
    if options["output"] == "json":
        click.echo(json.dumps({"findings": [asdict(each) for each in found]}))
    ctx.exit(INTERRUPTED if code is None else code)


COMMANDS = (doctor,)

"""The commands for a beginning: what is wrong, and a first settings file.

As in `cli`, what a command needs is imported where it needs it.
"""

# ruff: noqa: PLC0415, ANN401  # see above; click's values are what they are

from pathlib import Path
from typing import Any

import click

from syncd.errors import ConfigError
from syncd.parameters import (
    FILE,
    INTERRUPTED,
    PAIR,
    TEXT,
    WHERE,
    here,
    settings_of,
    taking,
)


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


@click.command()
@click.argument("workload", required=False)
@taking(*WHERE)
@click.option("--dry-run", is_flag=True, help="Print the file; write nothing.")
@click.pass_context
def init(
    ctx: click.Context, /, workload: str | None, *, dry_run: bool, **options: Any
) -> None:
    """Write a syncd.toml for the project in the working folder.

    Looks at the Dockerfile and at the cluster, and says what it chose and why. WORKLOAD,
    such as deployment/myapp, is needed where several might be meant. A settings file
    that is there already is never touched.
    """
    from functools import partial

    from syncd.ui import stop

    code = stop.run(partial(_write, here(), workload, options, dry_run=dry_run))
    ctx.exit(INTERRUPTED if code is None else code)


async def _write(
    project: Path, workload: str | None, options: dict[str, Any], *, dry_run: bool
) -> int:
    from syncd import config
    from syncd.cluster import connect
    from syncd.doctor import propose
    from syncd.ui.text import safe

    path = project / "syncd.toml"
    _refuse_to_overwrite(project)
    kubeconfig = Path(options["kubeconfig"]) if options["kubeconfig"] else None
    allowed = options["allow_contexts"]
    async with connect(
        context=options["context"], kubeconfig=kubeconfig, allow_contexts=allowed
    ) as api:
        draft = await propose(
            api,
            project,
            wanted=workload,
            namespace=options["namespace"],
            container=options["container"],
            allow_contexts=allowed,
        )
    for choice in draft.choices:
        click.echo(safe(f"{choice.what}: {choice.why}"), err=dry_run)
    if dry_run:
        click.echo(draft.text, nl=False)
        return 0
    with path.open("x") as file:
        file.write(draft.text)
    try:
        config.load(project, environ={}, file=path)
    except ConfigError:
        path.unlink()
        raise
    click.echo(f"{path} is written; next: syncd doctor, then syncd watch")
    return 0


def _refuse_to_overwrite(project: Path) -> None:
    from syncd.config.source import find

    found = find(project, project)
    if found is not None and found.path.parent == project:
        raise ConfigError(
            f"{found.path} is there already", hint="syncd doctor checks it"
        )


COMMANDS = (doctor, init)

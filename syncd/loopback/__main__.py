"""`python -m syncd.loopback`: an embedded cluster until it is interrupted."""

import shlex
import signal
from pathlib import Path

import anyio
import click

from syncd.loopback.cluster import Loopback
from syncd.loopback.dialect import Dialect
from syncd.loopback.image import Image


class _ImageType(click.ParamType[Image]):
    name = "NAME=FOLDER:COMMAND"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> Image:
        """Take `web:1=./app:python3 -m http.server` apart."""
        name, _, rest = value.partition("=")
        folder, colon, command = rest.partition(":")
        if not (name and folder and colon):
            self.fail(f"{value!r} is not NAME=FOLDER:COMMAND", param, ctx)
        files = Path(folder)
        if not files.is_dir():
            self.fail(f"{folder} is no folder", param, ctx)
        return Image(name, files=files, command=tuple(shlex.split(command)))


@click.command()
@click.option("--folder", type=click.Path(path_type=Path), help="Where to keep it.")
@click.option("--image", "images", type=_ImageType(), multiple=True)
@click.option(
    "--apply", "manifests", type=click.Path(exists=True, path_type=Path), multiple=True
)
@click.option("--dialect", type=click.Choice(["1.20", "1.36"]), default="1.36")
def main(
    folder: Path | None,
    images: tuple[Image, ...],
    manifests: tuple[Path, ...],
    dialect: str,
) -> None:
    """Run an embedded cluster; print the kubeconfig to use."""
    behave = Dialect.V1_20 if dialect == "1.20" else Dialect.V1_36
    anyio.run(_serve, Loopback(folder, images, dialect=behave), manifests)


async def _serve(cluster: Loopback, manifests: tuple[Path, ...]) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with cluster:
            for manifest in manifests:
                text = await anyio.Path(manifest).read_text()
                await cluster.apply(text)
            click.echo(f"export KUBECONFIG={cluster.kubeconfig}")
            async for _ in signals:
                return


if __name__ == "__main__":
    main()

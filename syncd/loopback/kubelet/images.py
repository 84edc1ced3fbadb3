"""The images that a node has pulled, and how pulling fails."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio

from syncd.errors import ConfigError
from syncd.loopback import image as image_files
from syncd.loopback.dialect import Dialect
from syncd.loopback.image import Image


class PullFailed(Exception):
    """An image cannot be had; says why in the runtime's words."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """An image that is on the node.

    Attributes:
        image: What was pulled.
        files: The node's copy of its files.
        digest: Of name, command and files.
        toolbox: The programs it brings, or `None` for the host's.
    """

    image: Image
    files: Path
    digest: str
    toolbox: Path | None


class ImageStore:
    """Pulls from `registry`, a mapping that may change while Pods run."""

    def __init__(
        self, registry: Mapping[str, Image], folder: Path, dialect: Dialect
    ) -> None:
        self._registry = registry
        self._folder = folder
        self._dialect = dialect
        self._pulled: dict[str, Pulled] = {}
        self._lock = anyio.Lock()

    async def pull(self, name: str, *, isolated: bool) -> Pulled:
        """Return the image `name`, copied to the node the first time.

        Raises:
            PullFailed: If there is no such image, its files cannot be read, or this
                machine lacks its programs.
        """
        image = self._registry.get(name)
        if image is None:
            raise PullFailed(self._not_found(name))
        async with self._lock:
            pulled = self._pulled.get(name)
            if pulled is None or pulled.image != image:
                try:
                    pulled = await anyio.to_thread.run_sync(self._pull, image, isolated)
                except ConfigError as error:
                    raise PullFailed(f"{error}. {error.hint}") from error
                except (OSError, shutil.Error) as error:
                    raise PullFailed(
                        f"rpc error: code = Unknown desc = {error}"
                    ) from error
                self._pulled[name] = pulled
        return pulled

    def _pull(self, image: Image, isolated: bool) -> Pulled:  # noqa: FBT001 -- for run_sync
        files = self._folder / "images" / f"{len(self._pulled)}-{id(image):x}"
        digest = image_files.pull(image, files)
        toolboxes = self._folder / "tools"
        toolbox = image_files.make_toolbox(image.tools, toolboxes, copies=isolated)
        return Pulled(image, files, digest, toolbox)

    def _not_found(self, name: str) -> str:
        start = "rpc error: code = NotFound desc = failed to pull and unpack image"
        if self._dialect.modern:
            return f'{start} "{name}": failed to resolve image: {name}: not found'
        failed = f'failed to resolve reference "{name}"'
        return f'{start} "{name}": {failed}: {name}: not found'

    def backing_off(self, name: str, error: str) -> str:
        """What a container that waits for the next try says."""
        message = f'Back-off pulling image "{name}"'
        return f"{message}: ErrImagePull: {error}" if self._dialect.modern else message

"""What this machine remembers of images: which there were, and what went into them.

The workload itself says most of it. What it cannot say is what the image was built from
that it had before syncd came: that is taken down here when syncd first sees it. And the
inputs in full, so that a difference can be named, would be too long for an annotation.
"""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from syncd.rebuild.identity import Identity
from syncd.state import name_of, state_folder


_KEPT = 10


class Memory:
    """The images of one container of a workload, one file for each.

    Args:
        folder: Where the files are; it is made if it is missing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of(cls, *place: str) -> Self:
        """Return what is remembered of the place that the words describe."""
        return cls(state_folder() / "images" / name_of(*place))

    @property
    def known(self) -> dict[str, str]:
        """Images by the digest of what they were built from, oldest first."""
        found = sorted(self._read(), key=lambda each: float(each[1].get("at", 0)))
        return {digest: str(document["image"]) for digest, document in found}

    def inputs(self, digest: str) -> Identity | None:
        """Return the inputs that have a digest, if they are remembered."""
        for found, document in self._read():
            if found == digest:
                forms = document.get("forms") or {}
                identity = Identity({path: tuple(f) for path, f in forms.items()})
                return identity if identity.digest == digest else None
        return None

    def remember(self, identity: Identity, image: str, at: float) -> None:
        """Remember that an image was built from these inputs, if there is room.

        To have forgotten it costs a look at the registry, or a build.

        Args:
            identity: The inputs.
            image: Its name.
            at: Now, in seconds; the oldest are forgotten.
        """
        forms = {name: list(facts) for name, facts in identity.forms.items()}
        said = json.dumps({"image": image, "at": at, "forms": forms})
        with suppress(OSError):
            self._write(self._folder / f"{identity.digest}.json", said)

    def _write(self, path: Path, said: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = path.with_suffix(".new")
        new.write_text(said)
        new.rename(path)
        for digest in [*self.known][:-_KEPT]:
            (self._folder / f"{digest}.json").unlink(missing_ok=True)

    def _read(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for path in self._folder.glob("*.json"):
            try:
                document = json.loads(path.read_bytes())
                float(document["at"])
                yield path.stem, {**document, "image": str(document["image"])}
            except (OSError, ValueError, KeyError, TypeError):
                continue  # cut short by a crash, or not ours: it tells nothing

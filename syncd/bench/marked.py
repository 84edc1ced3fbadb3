"""A file that is written with a marker in it, as a person or a tool would."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from anyio import to_thread

from syncd.bench import patterns
from syncd.bench.edits import Edit
from syncd.errors import ConfigError


_BURST = 4
_BURST_GAP_S = 0.03


@dataclass(frozen=True, slots=True)
class Marked:
    """A file that holds a text which shows in the answer.

    Attributes:
        folder: Where it is.
        file: Relative to it.
        data: What the file holds at first.
        old: The part of it that a marker takes the place of.
        pattern: One of `PATTERNS`.
        numbers: Of the edits to come, in steps of one.
    """

    folder: Path
    file: Path
    data: bytes
    old: bytes
    pattern: str
    numbers: Sequence[int]

    @classmethod
    def of(
        cls, folder: Path, file: Path, old: str, pattern: str, numbers: Sequence[int]
    ) -> Self:
        """Read the file.

        Raises:
            ConfigError: If it is not the folder's own, cannot be read, or does not hold
                `old`.
        """
        try:
            data = _own(folder, file).read_bytes()
        except OSError as error:
            raise ConfigError(
                f"{file} cannot be edited: {error}",
                hint="name with --file a text file of the folder that is synced",
            ) from error
        if old.encode() not in data:
            raise ConfigError(
                f"{file} does not hold the text {old!r}",
                hint="name with --marker a text in it that shows in the answer",
            )
        return cls(folder, file, data, old.encode(), pattern, numbers)

    async def prepare(self) -> None:
        """Put into the folder what the edits start from."""
        await to_thread.run_sync(
            patterns.prepare, self.pattern, self.folder, self.numbers
        )

    async def make(self, number: int, marker: str) -> Edit:
        """Make an edit; the file with the marker is written last."""
        return await to_thread.run_sync(self._make, number, marker)

    async def complete(self, edit: Edit) -> Edit:
        """Return the edit: what it changed is known beforehand."""
        return edit

    async def strays(self) -> frozenset[Path]:
        """Return nothing: what else is made are the files of a pattern."""
        return frozenset()

    async def undo(self) -> None:
        """Put the folder back as it was before `prepare`."""
        await to_thread.run_sync(self._undo)

    def _make(self, number: int, marker: str) -> Edit:
        file = self.folder / self.file
        began_s = time.monotonic()
        changed, deleted = patterns.PATTERNS[self.pattern](self.folder, number)
        if self.pattern == "burst":
            for part in range(1, _BURST):
                file.write_bytes(self._with(f"part {part} of {number}"))
                time.sleep(_BURST_GAP_S)  # the pattern itself: saves that far apart
        data = self._with(marker)
        saved_s = time.monotonic()
        file.write_bytes(data)
        changed = [*changed, self.file]
        return Edit(
            folder=self.folder,
            marker=marker,
            saved_s=saved_s,
            began_s=began_s,
            changed=tuple(changed),
            deleted=tuple(deleted),
            size=sum((self.folder / path).stat().st_size for path in changed),
        )

    def _undo(self) -> None:
        patterns.clear(self.folder)
        (self.folder / self.file).write_bytes(self.data)

    def _with(self, marker: str) -> bytes:
        return self.data.replace(self.old, marker.encode(), 1)


def _own(folder: Path, file: Path) -> Path:
    """Return where `file` is; what is edited must lie in the folder and nowhere else."""
    if file.is_absolute() or ".." in file.parts:
        raise ConfigError(
            f"{file} is not a path below the folder",
            hint="name the file with --file, relative to the folder that is synced",
        )
    path = folder / file
    if path.resolve() != folder.resolve() / file:
        # A copy of the link would lead to where it leads here: to the user's own file.
        raise ConfigError(
            f"{file} is a link, or behind one",
            hint="name with --file the file that it leads to, or another",
        )
    return path

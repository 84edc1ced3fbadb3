"""An edit, and what can make one. What is looked for is a marker."""

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from syncd.bench.patterns import PREFIX
from syncd.errors import SyncdError


class EditFailed(SyncdError):
    """An edit could not be made."""


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit that was made.

    Attributes:
        folder: Where it was made.
        marker: What to look for.
        saved_s: Monotonic time at which its last file was saved.
        began_s: When it began to be made.
        changed: What was written, relative to the folder.
        deleted: What is no longer there.
        size: Bytes written.
    """

    folder: Path
    marker: str
    saved_s: float
    began_s: float
    changed: tuple[Path, ...] = ()
    deleted: tuple[Path, ...] = ()
    size: int = 0


class Subject(Protocol):
    """What is edited, in a folder that is a copy, or that `undo` is called for."""

    @property
    def folder(self) -> Path:
        """Where the edits are made."""
        ...

    async def prepare(self) -> None:
        """Put into the folder what the edits start from."""
        ...

    async def make(self, number: int, marker: str) -> Edit:
        """Make an edit; what it changed need not be known yet.

        Args:
            number: Of the round, in steps of one.
            marker: A text that was never served, and is to be.

        Raises:
            EditFailed: If it cannot be made.
        """
        ...

    async def complete(self, edit: Edit) -> Edit:
        """Return the edit with what it changed.

        Raises:
            EditFailed: If that is nothing.
        """
        ...

    async def strays(self) -> frozenset[Path]:
        """Return what edits have made, folders too, but for the files of a pattern."""
        ...

    async def undo(self) -> None:
        """Put the folder back as it was before `prepare`."""
        ...


def removal(remote: str, strays: Collection[Path]) -> bytes:
    """Return a shell script that takes what edits have left out of a container.

    Args:
        remote: The folder there.
        strays: What `Subject.strays` has told of.
    """
    lines = [f"cd {shlex.quote(remote)} && rm -rf {PREFIX}* || exit"]
    # From the bottom up, and of folders only what is left empty: others may have files
    # in them.
    for path in sorted(strays, reverse=True):
        stray = shlex.quote(f"./{path}")
        lines.append(f"rm -f {stray} 2>/dev/null || rmdir {stray} 2>/dev/null || true")
    return "\n".join([*lines, ""]).encode()

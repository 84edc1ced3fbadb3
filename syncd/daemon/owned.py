"""Which paths syncd may delete in the containers of a target, across runs.

What was synced, and is deleted here while syncd is not running, must go there as well
when it runs again. So the paths are kept in syncd's own state folder: one file for
each sync root of a target, appended to as paths come to be owned, names ended by NUL.
A name cut short by a crash owns nothing.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Self

from syncd.state import name_of, state_folder


class Owned(set[bytes]):
    """A set of paths that remembers what is added to it.

    Args:
        journal: The file that keeps the paths; its folder is made if it is missing.
    """

    def __init__(self, journal: Path) -> None:
        journal.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._journal = journal.open("a+b", buffering=0)
        self._journal.seek(0)
        *whole, cut = self._journal.read().split(b"\0")
        super().__init__(filter(None, whole))
        if cut:
            self._journal.truncate(self._journal.tell() - len(cut))

    @classmethod
    def of(cls, *identity: str) -> Self:
        """Return what is owned in the place that `identity` describes."""
        return cls(state_folder() / "owned" / name_of(*identity))

    def update(self, *others: Iterable[bytes]) -> None:
        """Add paths, and write down those that are new."""
        new = set().union(*others) - self
        if new:
            super().update(new)
            self._journal.write(b"".join(path + b"\0" for path in sorted(new)))

    def close(self) -> None:
        """Close the file; the set stays readable."""
        self._journal.close()

"""Which paths syncd may delete in the containers of a target, across runs.

What was synced, and is deleted here while syncd is not running, must go there as well
when it runs again. So the paths are kept in syncd's own state folder: one file for
each sync root of a target, appended to as paths come to be owned, names ended by NUL.
A name cut short by a crash owns nothing.
"""

import errno
import os
from collections.abc import Iterable
from contextlib import ExitStack
from io import FileIO
from pathlib import Path
from typing import Self

from syncd import events
from syncd.state import name_of, state_folder


class Owned(set[bytes]):
    """A set of paths that remembers what is added to it.

    Where it cannot be written down, that is told once, and the set is as good as ever
    for this run; what is missing is written when there is room.

    Args:
        journal: The file that keeps the paths; its folder is made if it is missing.
        emit: Told if that fails.
    """

    def __init__(self, journal: Path, emit: events.Emit) -> None:
        super().__init__()
        self._path = journal
        self._emit = emit
        self._journal: FileIO | None = None
        self._unwritten: set[bytes] = set()
        self._told = False
        try:
            self._journal = self._opened()
        except OSError as error:
            self._tell(error)

    @classmethod
    def of(cls, emit: events.Emit, *identity: str) -> Self:
        """Return what is owned in the place that `identity` describes."""
        return cls(state_folder() / "owned" / name_of(*identity), emit)

    def update(self, *others: Iterable[bytes]) -> None:
        """Add paths, and write down those that are new."""
        new = set().union(*others) - self
        super().update(new)
        self._unwritten |= new
        if self._journal is not None and self._unwritten:
            try:
                self._write(self._journal)
            except OSError as error:
                self._tell(error)

    def close(self) -> None:
        """Close the file; the set stays readable."""
        self.update()
        if self._journal is not None:
            self._journal.close()

    def _opened(self) -> FileIO:
        """Return the file, and own what it names."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with ExitStack() as closing:
            journal = closing.enter_context(FileIO(self._path, "a+"))
            journal.seek(0)
            *whole, cut = journal.readall().split(b"\0")
            super().update(filter(None, whole))
            if cut:
                journal.truncate(journal.tell() - len(cut))
            closing.pop_all()
        return journal

    def _write(self, journal: FileIO) -> None:
        said = b"".join(path + b"\0" for path in sorted(self._unwritten))
        written = journal.write(said)
        if written < len(said):
            # A name that was cut would become one with the name after it.
            journal.truncate(journal.tell() - written)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._unwritten.clear()

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            self._emit(
                events.StateUnwritten(
                    path=str(self._path),
                    reason=error.strerror or str(error),
                    hint="make room there, or set XDG_STATE_HOME to a folder that can"
                    " be written",
                )
            )

"""A root as the watch sees it, on whatever system."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from anyio import to_thread

from syncd.errors import SyncdError
from syncd.events import Emit, Failed, RootFound, RootLost
from syncd.ignore import Ignore
from syncd.watch.inbox import Inbox


@dataclass(frozen=True, slots=True)
class Watched:
    """A folder to watch.

    Attributes:
        path: The folder.
        ignore: Its rules; what they ignore costs no watch. They are shared with who
            scans the folder, and read again when they change.
    """

    path: Path
    ignore: Ignore

    @property
    def top(self) -> bytes:
        """The absolute path."""
        return os.fsencode(self.path.absolute())

    def identity(self) -> tuple[int, int] | None:
        """Return which folder stands at the path, or None if none does."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return (found.st_dev, found.st_ino) if stat.S_ISDIR(found.st_mode) else None

    def read_rules(self) -> Failed | None:
        """Read the rules again, or return why the old ones stand."""
        try:
            self.ignore.reload()
        except SyncdError as exc:
            return Failed(message=str(exc), hint=exc.hint)
        return None

    async def reload_rules(self, emit: Emit) -> None:
        """Read the rules again, or say why the old ones stand."""
        failed = await to_thread.run_sync(self.read_rules)
        if failed is not None:
            emit(failed)

    def lost(self) -> RootLost:
        """Return the event that says that the folder is gone."""
        return RootLost(
            root=str(self.path),
            hint="Nothing is deleted because of it. Bring the folder back, and syncd"
            " goes on.",
        )

    def found(self) -> RootFound:
        """Return the event that says that the folder is back."""
        return RootFound(root=str(self.path))


class Presence:
    """Whether a root is there, said when it changes.

    Args:
        root: Its index.
        watched: The root.
        inbox: Where to say that it is gone.
        emit: Where events go.
    """

    def __init__(self, root: int, watched: Watched, inbox: Inbox, emit: Emit) -> None:
        self._root = root
        self._watched = watched
        self._inbox = inbox
        self._emit = emit
        self._there = True

    async def check(self) -> bool:
        """Return whether the root is there now."""
        before = self._there
        self._there = await to_thread.run_sync(self._watched.identity) is not None
        if before and not self._there:
            self._emit(self._watched.lost())
            self._inbox.note_lost(self._root)
        if self._there and not before:
            self._emit(self._watched.found())
        return self._there

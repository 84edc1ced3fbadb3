"""Between what sees events and who reads hints."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import anyio
from anyio import to_thread
from anyio.streams.memory import MemoryObjectSendStream

from syncd.watch.settle import Hints, Quiet, Settler


# A branch switch is one batch, unless git takes longer than this; a lock that is older
# was left behind by a git that died.
_LOCK_S = 5.0
_LOCK_AGAIN_S = 0.01


class Inbox:
    """Takes events at any time, and sends hints when they are due and can be taken.

    Args:
        quiet: How long to wait for the writing to go quiet.
        locks: Files that git makes before it rewrites a working tree.
        lock_s: For how long one of them holds hints up.
    """

    def __init__(
        self, quiet: Quiet, locks: Iterable[Path], *, lock_s: float = _LOCK_S
    ) -> None:
        self._settler = Settler(quiet)
        self._locks = tuple(locks)
        self._lock_s = lock_s
        self._locked: dict[_Lock, float] = {}
        self._wake = anyio.Event()

    def note(
        self,
        root: int,
        path: bytes,
        *,
        born: bool = False,
        gone: bool = False,
        unfinished: bool = False,
    ) -> None:
        """Take that something happened to a path; as `Settler.note`."""
        now = time.monotonic()
        self._settler.note(now, root, path, born=born, gone=gone, unfinished=unfinished)
        self._wake.set()

    def note_everything(self, root: int) -> None:
        """Take that anything may have happened in a root."""
        self._settler.note_everything(time.monotonic(), root)
        self._wake.set()

    def note_lost(self, root: int) -> None:
        """Take that a root is gone."""
        self._settler.note_lost(time.monotonic(), root)
        self._wake.set()

    def ask(self) -> int:
        """Have everything looked at, even if nothing is known to have happened.

        What is being written is waited for, as ever.

        Returns:
            A number: hints whose `asked` is not less were taken after the call.
        """
        number = self._settler.ask(time.monotonic())
        self._wake.set()
        return number

    async def deliver(self, send: MemoryObjectSendStream[Hints]) -> None:
        """Send what is due. Runs until cancelled, and then ends `send`."""
        with send:
            while True:
                await self._until_due()
                await send.send(self._settler.take())

    async def _until_due(self) -> None:
        while True:
            due = self._settler.due
            self._wake = anyio.Event()
            if due is None:
                await self._wake.wait()
            elif (wait_s := due - time.monotonic()) > 0:
                # What happens meanwhile may bring it nearer: a file is closed.
                with anyio.move_on_after(wait_s):
                    await self._wake.wait()
            elif await self._held():
                await anyio.sleep(_LOCK_AGAIN_S)
            else:
                return

    async def _held(self) -> bool:
        if not self._locks:
            return False
        there = await to_thread.run_sync(lambda: [*map(_lock, self._locks)])
        now, time_ns = time.monotonic(), time.time_ns()
        self._locked = {lock: self._locked.get(lock, now) for lock in there if lock}
        # By its age it may be of yesterday, or of tomorrow where a clock was put back.
        return any(
            now - since < self._lock_s and time_ns - lock.mtime_ns < self._lock_s * 1e9
            for lock, since in self._locked.items()
        )


class _Lock(NamedTuple):
    """A lock file; another one of its name is another lock."""

    inode: int
    mtime_ns: int


def _lock(file: Path) -> _Lock | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return _Lock(found.st_ino, found.st_mtime_ns)

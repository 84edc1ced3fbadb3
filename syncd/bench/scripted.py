"""Edits by a command: what it changed is found by comparing before and after."""

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from anyio import to_thread

from syncd.bench import copies
from syncd.bench.edits import Edit, EditFailed
from syncd.bench.inside import PushFailed
from syncd.bench.modes.process import ran
from syncd.config import Settings
from syncd.daemon.folder import Folder
from syncd.tree import Kind, Tree


class Scripted:
    """A command of the user's that makes the program answer with a marker.

    It is run by `sh` in the folder, with `SYNCD_BENCH_MARKER` in its environment.

    Args:
        settings: Of the one folder where.
        command: What.
        keep: Where to keep what is there at first, so that `undo` can bring it back;
            None for a copy.
    """

    def __init__(
        self, settings: Settings, command: str, keep: Path | None = None
    ) -> None:
        self._settings = settings
        self._path = copies.local(settings)
        self._command = command
        self._keep = keep
        self._folder: Folder | None = None
        self._first: Tree = {}
        self._is_running = False
        self._touched: set[bytes] = set()

    @property
    def folder(self) -> Path:
        """Where the edits are made."""
        return self._path

    async def prepare(self) -> None:
        """Note what is there."""
        self._folder = await copies.opened(self._settings)
        self._first = dict(self._folder.tree)
        if self._keep is not None:
            await to_thread.run_sync(copies.copy, self._path, self._first, self._keep)

    async def make(self, number: int, marker: str) -> Edit:
        """Run the command."""
        del number
        await self._look()
        self._is_running = True
        environ = {**os.environ, "SYNCD_BENCH_MARKER": marker}
        began_s = time.monotonic()
        try:
            await ran(["sh", "-c", self._command], self._path, environ)
        except PushFailed as failed:
            raise EditFailed(f"the edit failed: {failed}") from failed
        return Edit(self._path, marker, saved_s=time.monotonic(), began_s=began_s)

    async def complete(self, edit: Edit) -> Edit:
        """Return the edit with what the command changed, and when it was last saved."""
        assert self._folder is not None
        found, tree = sorted(await self._look()), self._folder.tree
        changed = [p for p in found if p in tree and tree[p].kind is not Kind.DIR]
        deleted = [p for p in found if p not in tree]
        if not changed and not deleted:
            raise EditFailed("the edit changed nothing that is synced")
        saved_s = await to_thread.run_sync(self._last_saved, changed)
        return replace(
            edit,
            saved_s=min(max(saved_s, edit.began_s), edit.saved_s),
            changed=tuple(Path(os.fsdecode(path)) for path in changed),
            deleted=tuple(Path(os.fsdecode(path)) for path in deleted),
            size=sum(tree[path].size for path in changed),
        )

    async def strays(self) -> frozenset[Path]:
        """Return what the command has made, be it there now or not."""
        if self._folder is not None:
            await self._look()
        made = self._touched - self._first.keys()
        return frozenset(Path(os.fsdecode(path)) for path in made)

    async def undo(self) -> None:
        """Put back what the command changed, and nothing that others did."""
        if self._folder is not None:
            await self._look()
            await to_thread.run_sync(self._put_back)

    async def _look(self) -> frozenset[bytes]:
        """Return what changed since the last look.

        What did while the command ran is its doing; the rest is that of others.
        """
        assert self._folder is not None
        changed = await self._folder.look(None)
        if self._is_running:
            self._touched |= changed
        self._is_running = False
        return changed

    def _last_saved(self, changed: Iterable[bytes]) -> float:
        """Return when the last of these was changed, on the monotonic clock."""
        times = [0]
        for path in changed:
            with suppress(OSError):
                times.append(os.lstat(self._at(path)).st_ctime_ns)
        return time.monotonic() - (time.time_ns() - max(times)) / 1e9

    def _put_back(self) -> None:
        assert self._keep is not None
        for path in sorted(self._touched, reverse=True):
            there = self._at(path)
            if there.is_dir() and not there.is_symlink():
                with suppress(OSError):  # what is not synced may be in it
                    there.rmdir()
            else:
                there.unlink(missing_ok=True)
        first = {p: self._first[p] for p in self._touched if p in self._first}
        copies.copy(self._keep, first, self._path)

    def _at(self, path: bytes) -> Path:
        return self._path / os.fsdecode(path)

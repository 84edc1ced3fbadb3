"""A root watched through watchfiles: FSEvents and the like."""

import os
import time
from contextlib import aclosing

import anyio
from anyio import to_thread
from watchfiles import Change, awatch

from syncd.events import Emit, WatchStarted
from syncd.watch.inbox import Inbox
from syncd.watch.root import Presence, Watched


_STEP_MS = 10
_WAIT_MS = 200
_LOST_AGAIN_S = 0.5


async def follow(root: int, watched: Watched, inbox: Inbox, emit: Emit) -> None:
    """Say what changes in a root, until cancelled.

    Args:
        root: Its index.
        watched: The root.
        inbox: Where to say it.
        emit: Where events go.
    """
    presence = Presence(root, watched, inbox, emit)
    stop = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_set_when_cancelled, stop)
        while True:
            if await presence.check():
                await _Stretch(root, watched, inbox, emit).follow(stop)
            await anyio.sleep(_LOST_AGAIN_S)


async def _set_when_cancelled(event: anyio.Event) -> None:
    # awatch() waits in a thread, and cancelling a scope does not wake a thread. Only its
    # stop event does; without this, shutdown takes up to 5 seconds.
    try:
        await anyio.sleep_forever()
    finally:
        event.set()


class _Stretch:
    """One watch, from when the root is there to when it is not."""

    def __init__(self, root: int, watched: Watched, inbox: Inbox, emit: Emit) -> None:
        self._root = root
        self._watched = watched
        self._inbox = inbox
        self._emit = emit

    async def follow(self, stop: anyio.Event) -> None:
        began = time.monotonic()
        top = await to_thread.run_sync(self._watched.path.resolve)
        identity = await to_thread.run_sync(self._watched.identity)
        changes = awatch(
            top,
            watch_filter=None,
            step=_STEP_MS,
            debounce=5 * _STEP_MS,
            stop_event=stop,
            rust_timeout=_WAIT_MS,
            yield_on_timeout=True,
            force_polling=False,
            ignore_permission_denied=True,
        )
        async with aclosing(changes):
            # Nothing, for nothing happened yet: but now the watch stands.
            await anext(changes)
            self._say_started(began)
            async for batch in changes:
                if await to_thread.run_sync(self._watched.identity) != identity:
                    return
                await self._take(os.fsencode(top) + b"/", batch)

    def _say_started(self, began: float) -> None:
        self._inbox.note_everything(self._root)
        started = WatchStarted(
            root=str(self._watched.path),
            folders=1,
            backend="watchfiles",
            took_ms=(time.monotonic() - began) * 1000,
        )
        self._emit(started)

    async def _take(self, prefix: bytes, batch: set[tuple[Change, str]]) -> None:
        changed = {os.fsencode(path).removeprefix(prefix): how for how, path in batch}
        if any(self._watched.ignore.reads(path) for path in changed):
            await self._watched.reload_rules(self._emit)
            self._inbox.note_everything(self._root)
        for path, how in changed.items():
            if not await to_thread.run_sync(self._is_ignored, path):
                self._inbox.note(self._root, path, gone=how is Change.deleted)

    def _is_ignored(self, path: bytes) -> bool:
        return self._watched.ignore.ignored(path, is_dir=False)

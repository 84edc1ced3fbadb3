"""The folders kept true: hints in, edits out."""

from collections.abc import Callable, Sequence
from functools import partial

import anyio
from anyio import to_thread

from syncd import events
from syncd.config import Watch
from syncd.daemon.folder import Edit, Folder
from syncd.daemon.pulse import Pulse
from syncd.errors import Halted
from syncd.watch import Hints, Quiet, Watched, watch


Spread = Callable[[int, Edit], None]


class Watching:
    """Looks again wherever something moved, or where it is asked to.

    Args:
        folders: Scanned already; the index of one names it.
        settings: How long to wait for quiet, and whether to poll.
        emit: Where events go.
        spread: Told of every edit, with the index of its folder.
        pulse: Beats when a question is answered.
    """

    def __init__(
        self,
        folders: Sequence[Folder],
        settings: Watch,
        emit: events.Emit,
        spread: Spread,
        pulse: Pulse,
    ) -> None:
        self._folders = folders
        self._settings = settings
        self._emit = emit
        self._spread = spread
        self._pulse = pulse
        self._ask: Callable[[], int] | None = None
        self._heeded = 0

    @property
    def certain(self) -> bool:
        """Whether nothing waits to be looked at again."""
        return all(folder.certain for folder in self._folders)

    async def look(self) -> None:
        """Have everything that was written before the call spread, then return.

        That needs no event of it to be read, or even to have happened: the folders are
        scanned. As ever, writing that goes on is given its time to go quiet.

        Raises:
            Halted: If a folder is gone.
        """
        await self._pulse.until(lambda: self._ask is not None)
        assert self._ask is not None
        number = self._ask()
        await self._pulse.until(lambda: self._heeded >= number and self.certain)
        for folder in self._folders:
            if not await to_thread.run_sync(folder.path.is_dir):
                raise Halted(
                    f"{folder.path} is gone",
                    hint="bring the folder back; nothing is deleted because of it",
                )
            folder.check()

    async def run(self) -> None:
        """Keep the folders true until cancelled."""
        settings = self._settings
        quiet = Quiet(settings.quiet_ms, settings.burst_ms, settings.cap_ms)
        roots = [Watched(folder.path, folder.ignore) for folder in self._folders]
        send, receive = anyio.create_memory_object_stream[Hints](1)
        async with anyio.create_task_group() as tasks:
            begin = partial(
                watch, roots, send, self._emit, quiet=quiet, poll=settings.poll
            )
            self._ask = await tasks.start(begin)
            self._pulse.beat()
            for index, folder in enumerate(self._folders):
                tasks.start_soon(self._look_again, index, folder)
            with receive:
                async for hints in receive:
                    await self._heed(hints)

    async def read_again(self) -> None:
        """Only look again at what changed while it was read, until cancelled."""
        async with anyio.create_task_group() as tasks:
            for index, folder in enumerate(self._folders):
                tasks.start_soon(self._look_again, index, folder)

    async def _heed(self, hints: Hints) -> None:
        settled_s = anyio.current_time()
        named = hints.paths.keys() - hints.lost
        whole = hints.everything
        if hints.asked > self._heeded:
            whole = frozenset(range(len(self._folders)))
        for index in whole | named:
            paths = None if index in whole else hints.paths[index]
            changed = await self._folders[index].look(paths)
            if changed:
                self._spread(
                    index,
                    Edit(
                        paths=changed,
                        detected_at_s=hints.at,
                        settled_ms=(settled_s - hints.at) * 1000,
                        scanned_ms=(anyio.current_time() - settled_s) * 1000,
                    ),
                )
        self._heeded = hints.asked
        self._pulse.beat()

    async def _look_again(self, index: int, folder: Folder) -> None:
        while True:
            paths = await folder.doubted()
            started = anyio.current_time()
            changed = await folder.look(paths)
            took_ms = (anyio.current_time() - started) * 1000
            self._spread(index, Edit(changed | paths, started, 0, took_ms))
            folder.resolve(paths)
            self._pulse.beat()

"""The folders kept true: hints in, edits out."""

from collections.abc import Callable, Sequence

import anyio

from syncd import events
from syncd.config import Watch
from syncd.daemon.folder import Edit, Folder
from syncd.watch import Hints, Quiet, Watched, watch


Spread = Callable[[int, Edit], None]


async def keep_true(
    folders: Sequence[Folder], settings: Watch, emit: events.Emit, spread: Spread
) -> None:
    """Look again wherever something moved, until cancelled.

    Args:
        folders: Scanned already; the index of one names it.
        settings: How long to wait for quiet, and whether to poll.
        emit: Where events go.
        spread: Told of every edit, with the index of its folder.
    """
    quiet = Quiet(settings.quiet_ms, settings.burst_ms, settings.cap_ms)
    roots = [Watched(folder.path, folder.ignore) for folder in folders]
    send, receive = anyio.create_memory_object_stream[Hints](1)
    async with anyio.create_task_group() as tasks:

        async def look() -> None:
            await watch(roots, send, emit, quiet=quiet, poll=settings.poll)

        tasks.start_soon(look)
        for index, folder in enumerate(folders):
            tasks.start_soon(_look_again, index, folder, spread)
        with receive:
            async for hints in receive:
                await _heed(hints, folders, spread)


async def _heed(hints: Hints, folders: Sequence[Folder], spread: Spread) -> None:
    settled_s = anyio.current_time()
    for index in hints.everything | hints.paths.keys() - hints.lost:
        paths = None if index in hints.everything else hints.paths[index]
        changed = await folders[index].look(paths)
        if changed:
            spread(
                index,
                Edit(
                    paths=changed,
                    detected_at_s=hints.at,
                    settled_ms=(settled_s - hints.at) * 1000,
                    scanned_ms=(anyio.current_time() - settled_s) * 1000,
                ),
            )


async def _look_again(index: int, folder: Folder, spread: Spread) -> None:
    while True:
        paths = await folder.doubted()
        started = anyio.current_time()
        changed = await folder.look(paths)
        took_ms = (anyio.current_time() - started) * 1000
        spread(index, Edit(changed | paths, started, 0, took_ms))

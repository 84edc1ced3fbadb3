"""A root looked at by the clock.

watchfiles can poll too, but it compares times in whole seconds: of four saves within
one second it told of one. So the clock says no more than "look everywhere", and the
scan, which compares to the nanosecond, finds what changed.
"""

import os
import time

import anyio
from anyio import to_thread

from syncd.events import Emit, WatchStarted
from syncd.ignore import RULE_FILES
from syncd.watch.inbox import Inbox
from syncd.watch.root import Presence, Watched


_LEAST_S = 0.5
_MOST_S = 10.0
# A scan takes some six microseconds for each entry, and may take a tenth of a core.
_PER_ENTRY_S = 60e-6


async def poll(root: int, watched: Watched, inbox: Inbox, emit: Emit) -> None:
    """Have a root looked at again and again, until cancelled.

    Args:
        root: Its index.
        watched: The root.
        inbox: Where to say so.
        emit: Where events go.
    """
    began = time.monotonic()
    entries, folders = await to_thread.run_sync(_count, watched)
    pause_s = pause(entries)
    emit(
        WatchStarted(
            root=str(watched.path),
            folders=folders,
            backend=f"a look every {pause_s:.1f} s",
            took_ms=(time.monotonic() - began) * 1000,
        )
    )
    presence = Presence(root, watched, inbox, emit)
    rules = await to_thread.run_sync(_rule_files, watched)
    while True:
        if await presence.check():
            before, rules = rules, await to_thread.run_sync(_rule_files, watched)
            if rules != before:
                await watched.reload_rules(emit)
            inbox.note_everything(root)
        await anyio.sleep(pause_s)


def pause(entries: int) -> float:
    """Return how many seconds to wait between two looks at so many entries."""
    return min(max(entries * _PER_ENTRY_S, _LEAST_S), _MOST_S)


def _count(watched: Watched) -> tuple[int, int]:
    """Return how many entries a scan looks at, and how many of them are folders."""
    entries, folders = 0, 0
    pending = [b""]
    while pending:
        folder = pending.pop()
        folders += 1
        prefix = folder + b"/" if folder else b""
        try:
            with os.scandir(b"%s/%s" % (watched.top, folder)) as items:
                for item in items:
                    entries += 1
                    path = prefix + item.name
                    if item.is_dir(follow_symlinks=False) and watched.ignore.walks(
                        path
                    ):
                        pending.append(path)
        except OSError:
            # The scan says so of what it cannot read.
            continue
    return entries, folders


def _rule_files(watched: Watched) -> tuple[tuple[str, int, int], ...]:
    """Return what tells if a rule file changed at or above the root.

    Those in folders of the root are seen by the scan, unless they ignore themselves.
    """
    found = []
    for folder, names in ((watched.path, RULE_FILES), *watched.ignore.outside):
        for name in sorted(names):
            path = folder / os.fsdecode(name)
            try:
                stat = path.stat()
            except OSError:
                continue
            found.append((str(path), stat.st_mtime_ns, stat.st_size))
    return tuple(found)

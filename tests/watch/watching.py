"""A running watch, and what it says."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from syncd.events import Event
from syncd.ignore import Ignore
from syncd.watch import Hints, Watched, watch


DEADLINE_S = 10


class Watching:
    def __init__(
        self,
        root: Path,
        ignore: Ignore,
        hints: MemoryObjectReceiveStream[Hints],
        events: list[Event],
        ask: Callable[[], int],
    ) -> None:
        self.ask = ask
        self.root = root
        self.ignore = ignore
        self.events = events
        self._hints = hints
        self._cookies = 0

    async def next(self) -> Hints:
        with anyio.fail_after(DEADLINE_S):
            return await self._hints.receive()

    async def only(self) -> Hints:
        """Return the next hints, after which nothing more is to come."""
        hints = await self.next()
        assert await self.rest() == []
        return hints

    async def rest(self) -> list[Hints]:
        """Return all that was still to come: a cookie is written and waited for.

        Twice: what a new folder makes to do may come after the first of them.
        """
        return [*await self._until_cookie(), *await self._until_cookie()]

    async def _until_cookie(self) -> list[Hints]:
        self._cookies += 1
        cookie = f"cookie-{self._cookies}"
        (self.root / cookie).write_text("")
        found: list[Hints] = []
        while True:
            hints = await self.next()
            paths = hints.paths.get(0, frozenset())
            others = paths - {cookie.encode()}
            if hints.everything or hints.lost or others:
                found.append(hints)
            if others < paths:
                return found

    async def until(self, path: bytes) -> set[bytes]:
        """Return all paths that are hinted at until `path` is."""
        seen: set[bytes] = set()
        while path not in seen:
            seen |= (await self.next()).paths.get(0, frozenset())
        return seen

    async def until_everything(self) -> Hints:
        while True:
            hints = await self.next()
            if hints.everything:
                return hints

    async def until_said(self, kind: type[Event]) -> None:
        with anyio.fail_after(DEADLINE_S):
            while not self.said(kind):
                await anyio.sleep(0.01)

    def said(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@asynccontextmanager
async def watching(
    root: Path, *more: Path, patterns: Sequence[str] = (), **options: Any
) -> AsyncIterator[Watching]:
    """Watch `root`; the hints that everything is to be looked at first are taken."""
    send, receive = anyio.create_memory_object_stream[Hints](1)
    events: list[Event] = []
    roots = [Watched(path, Ignore.load(path, patterns)) for path in (root, *more)]
    async with anyio.create_task_group() as tasks:
        with receive:
            start = partial(watch, roots, send, events.append, **options)
            with anyio.fail_after(DEADLINE_S):
                ask = await tasks.start(start)
            running = Watching(root, roots[0].ignore, receive, events, ask)
            await running.until_everything()
            yield running
            tasks.cancel_scope.cancel()


def watches() -> int:
    """Return how many folders this process watches, as the kernel has it."""
    count = 0
    for file in Path("/proc/self/fdinfo").iterdir():
        try:
            text = file.read_text()
        except OSError:
            continue
        count += sum(line.startswith("inotify wd:") for line in text.splitlines())
    return count

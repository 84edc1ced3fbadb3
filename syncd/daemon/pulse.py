"""Waiting for a condition on what the daemon's tasks change."""

from collections.abc import Callable

import anyio


class Pulse:
    """Wakes who waits for a condition: whoever may have changed it beats.

    Conditions are plain functions of state on the event loop, so that nothing can
    change between the asking and the waiting.
    """

    def __init__(self) -> None:
        self._event: anyio.Event | None = None  # there only while somebody waits

    def beat(self) -> None:
        """Have every condition that is waited for asked again."""
        if self._event is not None:
            self._event.set()
            self._event = None

    async def next(self) -> None:
        """Wait for the next beat."""
        self._event = self._event or anyio.Event()
        await self._event.wait()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until a condition holds."""
        while not holds():
            await self.next()

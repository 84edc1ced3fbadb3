"""What the warm reloader said and nobody has taken yet."""

from collections import deque

import anyio

from syncd.session.link import ReloadAnswer


_MOST = 64  # the oldest go: nobody waits for them any more


class ReloadAnswers:
    """A queue of a few answers, from who reads the wire to who waits for them."""

    def __init__(self) -> None:
        self._said: deque[ReloadAnswer] = deque(maxlen=_MOST)
        self._more = anyio.Event()

    def put(self, answer: ReloadAnswer) -> None:
        """Add what was said; this never waits."""
        self._said.append(answer)
        self._more.set()

    async def get(self) -> ReloadAnswer:
        """Wait for the next one."""
        while not self._said:
            self._more = anyio.Event()
            await self._more.wait()
        return self._said.popleft()

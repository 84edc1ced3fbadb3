"""One direction of a connection: how fast bytes go, and whether they go at all."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


_HIGH = 256 * 1024
_LOW = 64 * 1024
_PIECE = 16 * 1024


@dataclass(frozen=True, slots=True)
class Shape:
    """What a slow link does to bytes.

    Attributes:
        rtt_s: There and back.
        bits_per_s: In each direction; 0 for any number.
    """

    rtt_s: float
    bits_per_s: float = 0


class Lane:
    """Carries bytes, and what comes after the last of them, in order.

    Args:
        deliver: Takes the bytes that arrive.
        press: Takes whether whoever sends is to wait.
    """

    def __init__(
        self, deliver: Callable[[bytes], None], press: Callable[[bool], None]
    ) -> None:
        self._deliver = deliver
        self._press = press
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[float, bytes | Callable[[], None]]] = deque()
        self._size = 0
        self._pressing = False
        self._free_at = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._held = False
        self.shape: Shape | None = None
        self.deaf = False

    def push(self, data: bytes) -> None:
        """Send bytes."""
        if self.deaf:
            return
        if self.shape is None and not self._held and not self._queue:
            self._deliver(data)
            return
        for start in range(0, len(data), _PIECE):
            piece = data[start : start + _PIECE]
            self._queue.append((self._due(len(piece)), piece))
        self._size += len(data)
        self._settle()

    def then(self, act: Callable[[], None]) -> None:
        """Do something once all bytes before it have arrived."""
        if self._held or self._queue or self.shape is not None:
            self._queue.append((self._due(0), act))
            self._settle()
        else:
            act()

    def late(self, seconds: float) -> None:
        """Let nothing through for a while."""
        self._free_at = self._loop.time() + seconds

    def hold(self) -> None:
        """Let nothing through."""
        self._held = True
        self._cancel()

    def release(self) -> None:
        """Let things through again."""
        self._held = False
        self._settle()

    def clear(self) -> None:
        """Lose what is on its way."""
        self._cancel()
        self._queue.clear()
        self._size = 0

    def _due(self, length: int) -> float:
        shape = self.shape
        if shape is None:
            return 0
        speed = shape.bits_per_s / 8
        self._free_at = max(self._free_at, self._loop.time())
        self._free_at += length / speed if speed else 0
        return self._free_at + shape.rtt_s / 2

    def _settle(self) -> None:
        """Deliver what is due, and come back for the rest."""
        self._cancel()
        while not self._held and self._queue:
            due, item = self._queue[0]
            if due > self._loop.time():
                self._timer = self._loop.call_at(due, self._settle)
                break
            self._queue.popleft()
            if isinstance(item, bytes):
                self._size -= len(item)
                self._deliver(item)
            else:
                item()
        self._tell()

    def _tell(self) -> None:
        if self._size > _HIGH and not self._pressing:
            self._pressing = True
            self._press(True)  # noqa: FBT003 -- on or off
        elif self._size < _LOW and self._pressing:
            self._pressing = False
            self._press(False)  # noqa: FBT003 -- on or off

    def _cancel(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

"""What a container wrote, kept in memory: the newest 10 MiB of it.

A kubelet keeps files and turns them over at 10 MiB; here a Pod lives as long as this
process, so nothing would ever read the files again.
"""

import time
from collections import deque
from dataclasses import dataclass

import anyio


_LIMIT = 10 * 1024 * 1024
_LONGEST_LINE = 16 * 1024
_OVERHEAD = 150  # of an entry, about: so that empty lines count too


@dataclass(frozen=True, slots=True)
class Line:
    """One line, or a part of a very long one.

    Attributes:
        number: Counts all lines of the log, also those no longer kept.
        time_ns: When it was written.
        text: With its newline, if it had one.
    """

    number: int
    time_ns: int
    text: bytes


class Log:
    """The output of one run of a container, both streams as they came."""

    def __init__(self, limit: int = _LIMIT) -> None:
        self._limit = limit
        self._size = 0
        self._lines: deque[Line] = deque()
        self._next = 0
        self._partial: dict[int, bytes] = {}
        self._changed = anyio.Event()
        self.ended = False

    def feed(self, channel: int, data: bytes) -> None:
        """Add what was written to a stream."""
        *lines, rest = (self._partial.pop(channel, b"") + data).split(b"\n")
        for line in lines:
            self._append(line + b"\n")
        while len(rest) >= _LONGEST_LINE:
            self._append(rest[:_LONGEST_LINE])
            rest = rest[_LONGEST_LINE:]
        if rest:
            self._partial[channel] = rest
        self._wake()

    def end(self) -> None:
        """Take no more: the container has ended."""
        for rest in self._partial.values():
            self._append(rest)
        self._partial.clear()
        self.ended = True
        self._wake()

    @property
    def next_line(self) -> int:
        """The number of the line that comes next."""
        return self._next

    def lines(self, start: int = 0) -> tuple[Line, ...]:
        """Return what is kept from line number `start` on."""
        new = self._next - start
        if new >= len(self._lines):
            return tuple(self._lines)
        return tuple(self._lines[back] for back in range(-new, 0))

    async def changed(self) -> None:
        """Wait for something new, or the end."""
        if not self.ended:
            await self._changed.wait()

    def _append(self, text: bytes) -> None:
        self._lines.append(Line(self._next, time.time_ns(), text))
        self._next += 1
        self._size += len(text) + _OVERHEAD
        while self._size > self._limit:
            self._size -= len(self._lines.popleft().text) + _OVERHEAD

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

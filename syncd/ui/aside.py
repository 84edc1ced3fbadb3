"""Output with a thread of its own: whoever reports an event never waits for its reader.

A terminal that is held with Ctrl-S, or a pipe that nobody reads, would stop the daemon
otherwise, and so would every line on its way while a batch goes out to many replicas.
"""

import datetime as dt
import io
import os
import sys
import threading
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Self, TextIO

from syncd.events import Event, OutputBehind
from syncd.ui.output import Output, local_now


KEPT = 8192  # events that the reader may be behind
LAST_S = 1.0  # how long the end waits for what is not written yet


def own_stdout() -> TextIO | None:
    """Return standard output as another file, if it is one of the system.

    A write that nobody reads holds the lock of its file, and the interpreter takes that
    of `sys.stdout` when it ends.
    """
    try:
        fd = os.dup(sys.stdout.fileno())
    except io.UnsupportedOperation:
        return None
    return os.fdopen(fd, "w", encoding=sys.stdout.encoding, errors=sys.stdout.errors)


class Moment:
    """The clock of an output that tells of events later: when each was reported."""

    def __init__(self) -> None:
        self.at = local_now()

    def __call__(self) -> dt.datetime:
        """Return when the event that is being told was reported."""
        return self.at


class Aside:
    """Tells of events in a thread, in their order.

    Events that come while the reader is too far behind are only counted; once it reads
    again it is told how many those were. At the end it is waited for, but not for long.

    Args:
        inner: Where events go; it must not raise anything when it is told of one.
        moment: The clock of `inner`.
        stream: What `inner` writes to, if it is to be closed at the end.
        kept: How many events the reader may be behind.
    """

    def __init__(
        self,
        inner: Output,
        moment: Moment,
        stream: TextIO | None = None,
        *,
        kept: int = KEPT,
    ) -> None:
        self._inner = inner
        self._moment = moment
        self._stream = stream
        self._kept = kept
        self._waiting: deque[tuple[Event, dt.datetime]] = deque()
        self._missed = 0
        self._ended = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="output", daemon=True)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._news:
            self._ended = True
            self._news.notify()
        self._thread.join(LAST_S)
        if self._thread.is_alive():
            return  # it is stuck in a write, and ends with the process
        try:
            self._inner.__exit__(kind, error, traceback)
        finally:
            if self._stream is not None:
                with suppress(OSError):  # what it could not write was told already
                    self._stream.close()

    def __call__(self, event: Event) -> None:
        """Report `event`."""
        with self._news:
            if len(self._waiting) < self._kept and not self._missed:
                self._waiting.append((event, local_now()))
                self._news.notify()
            else:
                self._missed += 1

    def _run(self) -> None:
        while (told := self._next()) is not None:
            event, self._moment.at = told
            self._inner(event)

    def _next(self) -> tuple[Event, dt.datetime] | None:
        """Wait for what is to be told; None at the end."""
        with self._news:
            while not self._waiting and not self._missed and not self._ended:
                self._news.wait()
            if self._waiting:
                return self._waiting.popleft()
            if self._missed:
                missed, self._missed = self._missed, 0
                return OutputBehind(missed=missed), local_now()
            return None

"""The supervisor's loop: what can be read, what is due, and signals with their sender."""

# ruff: noqa: ANN401 - anything that can be selected on
from __future__ import annotations

import functools
import heapq
import os
import selectors
import signal
import threading
import time


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


class Reactor:
    """Calls back, one thing at a time."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int, Callable[[], Any]]] = []

    def on_input(self, source: Any, call: Callable[[], Any]) -> None:
        """Call back whenever `source` can be read."""
        self._selector.register(source, selectors.EVENT_READ, call)

    def forget(self, source: Any) -> None:
        """Call back for `source` no more."""
        self._selector.unregister(source)

    def later(self, delay_s: float, call: Callable[..., Any], *args: Any) -> None:
        """Call back once, after a while."""
        bound = functools.partial(call, *args)
        due: tuple[float, int, Any] = (time.monotonic() + delay_s, id(bound), bound)
        heapq.heappush(self._timers, due)

    def on_signals(
        self, numbers: Iterable[int], call: Callable[[int, bool], Any]
    ) -> None:
        """Call back for each signal, with whether the kernel sent it.

        That is so for a terminal's Ctrl-C. A signal handler would not be told, hence
        the thread; and hence the signals must be blocked by now.
        """
        read, write = os.pipe()

        def wait() -> None:
            while True:
                info = signal.sigwaitinfo(numbers)
                os.write(write, bytes([info.si_signo, info.si_code > 0]))

        def on_input() -> None:
            number, by_kernel = os.read(read, 2)
            call(number, bool(by_kernel))

        threading.Thread(target=wait, daemon=True).start()
        self.on_input(read, on_input)

    def turn(self) -> None:
        """Wait until there is something to call back for, and do it."""
        due = self._timers[0][0] - time.monotonic() if self._timers else None
        for key, _ in self._selector.select(due if due is None else max(0.0, due)):
            # Unless it was forgotten just now, and something else has its number.
            if self._selector.get_map().get(key.fd) is key:
                key.data()
        while self._timers and self._timers[0][0] <= time.monotonic():
            heapq.heappop(self._timers)[2]()

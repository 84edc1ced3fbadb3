"""What the supervisor holds of its generations: their ends, and their sockets."""

# ruff: noqa: ANN401 - messages are JSON
from __future__ import annotations

import contextlib
import os
import socket
import time

from syncd.reloader.channel import Channel
from syncd.reloader.warming import WarmEnd


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    Answer = Callable[..., None]


LONGEST_PAUSE_S = 5.0


class GenerationEnd:
    """The supervisor's end of a generation.

    Attributes:
        pid: 0 until it is known, and when it has ended.
        owed: Signals that were meant for it while its pid was not known.
        state: "starting", then "ready", "serving", "leaving"; or "dropped", if it is not
            wanted any more before it served.
        answers: Who is to be told how it went.
        ready: What it said when it was.
        workers: How many processes of it accept.
        read: What it read while it started, as it was then; all of it, once `learned`.
        failure: What it said when it failed.
        changed: Third-party code that is not as it was when it was loaded ahead; None
            as long as that is not known.
        after: Whose place it takes.
    """

    def __init__(self, number: int, warm: WarmEnd, channel: Channel) -> None:
        self.number = number
        self.warm = warm
        self.channel = channel
        self.asked = time.monotonic()
        self.pid = 0
        self.owed: list[int] = []
        self.state = "starting"
        self.answers: list[Answer] = []
        self.ready: dict[str, Any] = {}
        self.workers = 0
        self.read: dict[str, Any] = {}
        self.learned = False
        self.failure: dict[str, Any] = {}
        self.changed: list[str] | None = None
        self.after: GenerationEnd | None = None

    def forked(self, pid: int) -> None:
        """Note which process it is."""
        self.pid = pid
        for number in self.owed:
            self.kill(number)

    def kill(self, number: int) -> None:
        """Send a signal: now, or as soon as it is known to whom."""
        if not self.pid:
            self.owed.append(number)
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def is_ready(self) -> bool:
        """Tell whether all of it waits, and whether what it was forked from is known."""
        knows = self.state == "starting" and self.changed is not None
        return knows and 0 < self.ready.get("workers", 0) <= self.workers

    def let(self, op: str) -> None:
        """Let all that wait at the gate "go", or have them "stop"."""
        for _ in range(self.workers):
            self.channel.send(op)

    def tell(self, op: str, **fields: Any) -> None:
        """Answer those who wait for it."""
        for answer in self.answers:
            answer(op, **fields)
        self.answers = []

    def fail(self, status: int) -> str:
        """Answer that it did not start. Returns where that was, as words."""
        code, failure = exit_code(status), self.failure
        file, line = failure.get("file", ""), failure.get("line", 0)
        text = failure.get("traceback") or f"it ended with {code}"
        facts = {"traceback": text, "file": file, "line": line, "code": code}
        self.tell("failed", generation=self.number, **facts)
        where = f"at {file}:{line}" if file else f"with code {code}"
        return str(failure.get("where", where))

    def steps(self) -> dict[str, float]:
        """Return how long each step took, now that it serves."""
        total_ms = (time.monotonic() - self.asked) * 1000
        steps = {**self.ready["steps"], "total_ms": total_ms}
        return {name: round(ms, 1) for name, ms in steps.items()}


class Shelf:
    """Keeps the listening sockets, from one generation to the next."""

    def __init__(self) -> None:
        self._held: list[Held] = []

    def keep(self, key: str, fd: int) -> None:
        """Keep the socket that was bound to the address of `key`."""
        self._held.append(Held(key, os.dup(fd)))

    def fds(self) -> list[int]:
        """Return what there is to pass on."""
        return [held.fd for held in self._held]

    def keys(self) -> list[str]:
        """Return what it is, in the same order."""
        return [held.key for held in self._held]

    def clear(self, unused: Iterable[str]) -> None:
        """Close what two generations in a row had no use for."""
        keys = list(unused)
        for held in list(self._held):
            held.unused = held.unused + 1 if held.key in keys else 0
            if held.unused > 1:
                self._held.remove(held)
                os.close(held.fd)

    def addresses(self) -> list[str]:
        """Return what is listened on."""
        found = []
        for held in self._held:
            with socket.socket(fileno=os.dup(held.fd)) as sock:
                host, port = sock.getsockname()[:2]
                found.append(f"{host}:{port}")
        return found


class Held:
    """A socket on the shelf.

    Attributes:
        unused: How many generations in a row did without it.
    """

    def __init__(self, key: str, fd: int) -> None:
        self.key = key
        self.fd = fd
        self.unused = 0


class Retry:
    """How long to wait before what has failed is tried again: longer each time."""

    def __init__(self) -> None:
        self._pause_s = 0.0

    def next_s(self) -> float:
        """Return the pause before the next attempt."""
        pause_s = self._pause_s
        self._pause_s = min(max(0.1, 2 * pause_s), LONGEST_PAUSE_S)
        return pause_s

    def succeeded(self) -> None:
        """Wait for nothing any more."""
        self._pause_s = 0.0


def exit_code(status: int) -> int:
    """Return what a shell would show for a wait status."""
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else status >> 8

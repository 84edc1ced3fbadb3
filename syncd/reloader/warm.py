"""The warm process: loads what it is told to, and is forked on demand."""

# ruff: noqa: ANN401, PTH116, PTH208 - no pathlib; and a process that must _exit
from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import time

from syncd.reloader.channel import Channel
from syncd.reloader.program import Places, Program
from syncd.reloader.witness import Witness


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


KILL_GRACE_S = 1.0  # from the end of the time to drain, to SIGKILL
FORWARDED = {
    *(signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGWINCH),
}


class Progress:
    """Where a candidate is, for who waits for it and may have to ask a dead one."""

    def __init__(self, fds: Iterable[int]) -> None:
        self.fds = list(fds)  # none, where there is no file in memory
        self.count = 0

    @classmethod
    def new(cls) -> Progress:
        """Return one that can be passed on."""
        in_memory = hasattr(os, "memfd_create")
        return cls([os.memfd_create("progress")] if in_memory else ())

    def tell(self, stack: list[str]) -> None:
        """Note which modules are being executed, the innermost last."""
        self.count += 1
        for fd in self.fds:
            os.pwrite(fd, " ".join([str(self.count), *stack, "\0"]).encode(), 0)

    def ask(self) -> list[str]:
        """Return how often it moved, and which modules are being executed."""
        found = [os.pread(fd, 1 << 16, 0) for fd in self.fds]
        return b"".join(found).partition(b"\0")[0].decode().split()

    def close(self) -> None:
        """Have no more to do with it."""
        for fd in self.fds:
            os.close(fd)
        self.fds = []


class Warm:
    """The warm process.

    Attributes:
        preloaded: The modules that were loaded ahead.
        searched: What was looked for to load them, whether it was there or not.
        reads: The environment variables that they read when they were.
    """

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.hello = channel.receive()
        self.program = Program(**self.hello["program"])
        self.program.introduce()
        self.places = Places(self.hello["roots"])
        self.preloaded: set[str] = set()
        self.searched: set[str] = set()
        self.reads: set[str] = set()
        self.disk: dict[str, Any] = {}
        self.children: set[int] = set()
        self.drain_s = 0.0
        self.retired = False
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, FORWARDED)
        signal.signal(signal.SIGCHLD, self._reap)

    def serve(self) -> dict[str, Any]:
        """Obey the supervisor. Returns only in a child: what it was forked with."""
        names: list[str] = []
        while True:
            message = self.channel.receive()
            op = message["op"]
            if op == "names":
                names += message["names"]
            elif op == "load":
                self._load(names)
            elif op == "fork":
                if self._fork(message):
                    return message
            elif op == "retire":
                self.retired = True
                self._reap()
            else:
                self._end()

    def _load(self, names: list[str]) -> None:
        began, before = time.monotonic(), set(sys.modules)
        hello, progress = self.hello, Progress(self.hello["fds"])
        witness = Witness(
            self.places, hello["cold"], hello["program_sets"], progress.tell
        )
        witness.load(names)
        progress.close()
        self.preloaded = set(sys.modules) - before
        self.searched = witness.searched
        self.reads = witness.reads
        self.disk = self._look_at_disk()
        gc.collect()
        gc.disable()  # in this process only: a page that nobody writes to stays shared
        gc.freeze()
        self.channel.send(
            "loaded",
            cold=witness.found,
            skipped=witness.skipped,
            modules=len(self.preloaded),
            took_ms=(time.monotonic() - began) * 1000,
        )

    def _look_at_disk(self) -> dict[str, Any]:
        """Return what third-party code looks like: modules, and what is installed."""
        state: dict[str, Any] = {}
        for entry in self.places.installed:
            with contextlib.suppress(OSError):
                state[entry] = set(os.listdir(entry)) - {"__pycache__"}
        for name in self.preloaded:
            path = getattr(sys.modules.get(name), "__file__", None)
            if path is not None:
                with contextlib.suppress(OSError):
                    info = os.stat(path)
                    state[path] = (info.st_mtime_ns, info.st_size)
        return state

    def _fork(self, message: dict[str, Any]) -> bool:
        """Fork; returns whether this is the child."""
        pid = os.fork()
        if pid == 0:
            self.channel.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)
            gc.enable()
            return True
        self.children.add(pid)
        for fd in message["fds"]:
            os.close(fd)
        self.drain_s, number = message["drain_s"], message["generation"]
        self.channel.send("forked", generation=number, pid=pid)
        self._reap()
        now = self._look_at_disk() if self.preloaded else {}
        changed = [
            path for path in {*now, *self.disk} if now.get(path) != self.disk.get(path)
        ]
        self.channel.send("verified", generation=number, changed=changed[:1])
        return False

    def _reap(self, *_: Any) -> None:
        # Its own children only: a module that ran a command waits for it itself.
        for pid in list(self.children):
            with contextlib.suppress(
                ChildProcessError
            ):  # this handler interrupts itself
                done, status = os.waitpid(pid, os.WNOHANG)
                if done:
                    self.children.discard(pid)
                    self.channel.send("exited", pid=pid, status=status)
        if self.retired and not self.children:
            os._exit(0)

    def _end(self) -> None:
        """End with the supervisor, which was killed: nothing may keep its port."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            for pid in list(self.children):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            until = time.monotonic() + self.drain_s + KILL_GRACE_S
            while self.children and time.monotonic() < until:
                time.sleep(0.05)
                self._reap()
        os._exit(1)

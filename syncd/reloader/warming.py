"""The supervisor's side of warm processes: what to load ahead, and which one to fork."""

# ruff: noqa: ANN401, FBT003, PTH109 - JSON; the standard library's signature; no pathlib
from __future__ import annotations

import contextlib
import functools
import os
import signal
import sys

from syncd.reloader.channel import Channel
from syncd.reloader.program import Program
from syncd.reloader.reactor import Reactor
from syncd.reloader.warm import Progress
from syncd.reloader.witness import blamed, lies_in


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any


ROUNDS = 12  # candidates in a row, until loading ahead is given up


class WarmEnd:
    """The supervisor's end of a warm process. Its pid is 0 when it has ended."""

    def __init__(self, channel: Channel, pid: int, names: Iterable[str]) -> None:
        self.channel = channel
        self.pid = pid
        self.names = set(names)
        self.modules = 0
        self.progress = Progress.new()


class Warming:
    """Keeps a warm process to fork, and makes better ones.

    Attributes:
        learned: Third-party modules that generations ended with, in order.
        cold: What is not to be loaded ahead, and why.
        program_sets: The environment variables that the program sets.
        current: The process that is forked.
        candidate: The one that may take its place.
    """

    def __init__(
        self,
        reactor: Reactor,
        program: Program,
        options: Any,
        *,
        mask: set[Any],
        on_message: Callable[[WarmEnd, dict[str, Any]], None],
        say: Callable[[str], None],
    ) -> None:
        self.reactor = reactor
        self.program = program
        self.roots = [os.getcwd(), *options.roots]
        self.load_s: float = options.load_s
        self.mask = mask
        self.on_message = on_message
        self.say = say
        self.by_option = dict.fromkeys(options.cold, "--cold")
        self.learned = dict.fromkeys(options.warm)
        self.cold = dict(self.by_option)
        self.program_sets: set[str] = set()
        self.rounds = 0
        self.candidate: WarmEnd | None = None
        self.current = self._spawn([])

    def learn(self, names: Iterable[str]) -> None:
        """Note what is worth being loaded ahead; `improve` does it."""
        self.learned.update(dict.fromkeys(names))

    def give_up(self, reason: str) -> None:
        """Load nothing ahead, for `reason`."""
        self.by_option["*"] = self.cold["*"] = reason
        self.learned.clear()

    def improve(self) -> None:
        """Start a candidate, if more is known than the last one was told."""
        known = (self.candidate or self.current).names
        if not known.issuperset(self.learned) and self.rounds < ROUNDS:
            self._try()

    def renew(self, *, forgive: bool = False) -> None:
        """Fork from an empty process, until what was learned is loaded once more.

        Args:
            forgive: Third-party code has changed: what was cold may be no more.
        """
        if forgive:
            self.cold = dict(self.by_option)
        self._retire(self.current)
        self.current = self._spawn([])
        self.rounds = 0
        if self.learned:
            self._try()

    def end(self) -> None:
        """End the processes that have no generation."""
        for warm in (self.current, self.candidate):
            if warm is not None and warm.pid:
                os.kill(warm.pid, signal.SIGKILL)

    def explain(self) -> dict[str, Any]:
        """Return which modules are warm, and why others are not."""
        names = self.current.names if self.current.modules else ()
        warm = (n for n in names if not any(lies_in(n, cold) for cold in self.cold))
        return {"warm": sorted(warm), "cold": self.cold}

    def _try(self) -> None:
        if self.candidate is not None:
            os.kill(self.candidate.pid, signal.SIGKILL)  # it may never be asked again
        self.candidate = self._spawn(self.learned)
        self.reactor.later(self.load_s, self._check, self.candidate, [])

    def _check(self, warm: WarmEnd, before: list[str]) -> None:
        """End a candidate that has not moved for as long as it may."""
        if warm is not self.candidate:
            return
        now = warm.progress.ask()
        if now != before or not now:
            self.reactor.later(self.load_s, self._check, warm, now)
        else:
            os.kill(warm.pid, signal.SIGKILL)
            self._lose(warm, f"is not loaded within {self.load_s:g} s")

    def _lose(self, warm: WarmEnd, reason: str) -> None:
        """Try once more, without the module at which a candidate was lost."""
        self.candidate = None
        self.rounds += 1
        stack = warm.progress.ask()[1:]
        self.cold = {**blamed(stack, reason), **self.cold}
        if stack and self.rounds < ROUNDS:
            self.say(f"{stack[-1]} {reason}: it stays cold")
            self._try()
        else:
            self.say(f"nothing more is loaded ahead: an import {reason}")

    def _spawn(self, names: Iterable[str]) -> WarmEnd:
        mine, theirs = Channel.pair()
        os.set_inheritable(theirs.fileno(), True)
        argv = [*self.program.launch, __file__, "--warm", str(theirs.fileno())]
        with _code() as handed:
            argv += handed
            pid = os.posix_spawn(argv[0], argv, os.environ, setsigmask=self.mask)
        theirs.close()
        warm = WarmEnd(mine, pid, names)
        mine.send(
            "hello",
            warm.progress.fds,
            program=vars(self.program),
            roots=self.roots,
            cold=self.cold,
            program_sets=sorted(self.program_sets),
        )
        if warm.names:
            mine.send_names("names", names)
            mine.send("load")
        self.reactor.on_input(mine, functools.partial(self._on_input, warm))
        return warm

    def _retire(self, warm: WarmEnd) -> None:
        warm.channel.send("retire")  # it ends with the last of its generations

    def _on_input(self, warm: WarmEnd) -> None:
        message = warm.channel.receive()
        if message["op"] == "loaded":
            if warm is self.candidate:
                self._on_loaded(warm, message)
            return
        if message["op"] == "ended":
            self.reactor.forget(warm.channel)
            warm.channel.close()
            warm.pid = 0
            if warm is self.candidate:
                self._lose(warm, "ends the process that loads it")
            warm.progress.close()
        self.on_message(warm, message)

    def _on_loaded(self, warm: WarmEnd, message: dict[str, Any]) -> None:
        self.candidate = None
        self.cold.update({**message["cold"], **message["skipped"]})
        self.rounds += 1
        if not message["cold"]:
            self._retire(self.current)
            self.current, self.rounds = warm, 0
            warm.modules = message["modules"]
            took = f"{warm.modules} modules are warm ({message['took_ms']:.0f} ms)"
            self.say(f"{took}, {len(self.cold)} stay cold: --explain says why")
            return
        self._retire(warm)
        if self.rounds < ROUNDS:
            self._try()
        else:
            self.say("nothing is loaded ahead, as no attempt was clean: see --explain")


@contextlib.contextmanager
def _code() -> Iterator[list[str]]:
    """Give what this file was compiled to, where it is kept, to a process as its fd."""
    kept = getattr(sys.modules["__main__"], "CODE", None)
    if kept is None:
        yield []
        return
    fd = os.dup(kept)
    os.set_inheritable(fd, True)
    try:
        yield [str(fd)]
    finally:
        os.close(fd)

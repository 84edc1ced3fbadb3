"""Which generation serves, and how the next one takes its place.

One at a time takes the place of another. From when the old one is told to leave there is
no way back, so whatever is ready by then serves, if only for a moment: what came after it
waits for its turn, be it a better edit or one that fails.
"""

from __future__ import annotations

import functools
import os
import signal

from syncd.reloader.channel import PATIENCE_S, Channel
from syncd.reloader.ends import GenerationEnd, Shelf
from syncd.reloader.reactor import Reactor
from syncd.reloader.warm import KILL_GRACE_S
from syncd.reloader.warming import WarmEnd


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from syncd.reloader.ends import Answer


GO_DEADLINE_S = 0.5  # how long a busy old generation can hold up the next one


class Succession:
    """The generations, which of them serves, and what goes from one to the next.

    Attributes:
        count: How many have been started.
        generations: All that run.
        serving: The one that connections are for.
        last: The last one that began to serve, and its steps.
        code: Where they keep the byte-code of the developer's modules.
        adrift: Connections that were passed on, until there is somebody to take them.
    """

    def __init__(
        self,
        reactor: Reactor,
        drain_s: float,
        *,
        on_message: Callable[[GenerationEnd, dict[str, Any]], None],
        is_fit: Callable[[GenerationEnd], bool],
        on_serving: Callable[[GenerationEnd], None],
    ) -> None:
        self.reactor = reactor
        self.drain_s = drain_s
        self.on_message = on_message
        self.is_fit = is_fit
        self.on_serving = on_serving
        self.count = 0
        self.generations: list[GenerationEnd] = []
        self.serving: GenerationEnd | None = None
        self.last: dict[str, Any] = {}
        self.shelf = Shelf()
        in_memory = hasattr(os, "memfd_create")
        self.code = os.memfd_create("code") if in_memory else os.open(os.devnull, 2)
        self.adrift: list[int] = []

    def start(self, warm: WarmEnd, answers: list[Answer]) -> GenerationEnd:
        """Have a generation forked, whose outcome is what `answers` wait for."""
        mine, theirs = Channel.pair()
        mine.sock.settimeout(PATIENCE_S)
        self.count += 1
        generation = GenerationEnd(self.count, warm, mine)
        generation.answers = answers
        self.generations.append(generation)
        self.reactor.on_input(mine, functools.partial(self.receive, generation))
        warm.channel.send(
            "fork",
            [theirs.fileno(), self.code, *self.shelf.fds()],
            generation=generation.number,
            asked=generation.asked,
            drain_s=self.drain_s,
            held=self.shelf.keys(),
        )
        theirs.close()
        return generation

    def on_fork(self, message: dict[str, Any]) -> None:
        """Take in what a warm process says of a generation that it forked."""
        for generation in self.generations:
            if generation.number == message["generation"]:
                if message["op"] == "forked":
                    generation.forked(message["pid"])
                else:
                    generation.changed = message["changed"]
        self.take_turns()

    def receive(self, generation: GenerationEnd) -> None:
        """Act on the next thing that a generation says, or leave that to `on_message`."""
        message = generation.channel.receive()
        act = getattr(self, f"_on_{message['op']}", self.on_message)
        act(generation, message)
        for fd in message["fds"]:
            os.close(fd)

    def coming(self) -> list[GenerationEnd]:
        """Return those that are on their way to serve."""
        return [g for g in self.generations if g.state in ("starting", "ready")]

    def lasting(self) -> GenerationEnd | None:
        """Return what goes on to serve if nothing else comes."""
        ready = (g for g in self.generations if g.state == "ready")
        return next(ready, self.serving)

    def drop(self, generation: GenerationEnd) -> None:
        """End one that is not wanted any more before it served."""
        generation.let("stop")
        generation.state, generation.answers = "dropped", []
        generation.kill(signal.SIGTERM)
        self.reactor.later(self.drain_s, generation.kill, signal.SIGKILL)

    def _on_ready(self, generation: GenerationEnd, message: dict[str, Any]) -> None:
        generation.workers += 1
        if generation.state == "serving":  # in the place of a worker that died
            generation.channel.send("go")
        elif generation.state in ("dropped", "leaving"):
            generation.channel.send("stop")
        else:
            generation.ready = message
        self.take_turns()

    def take_turns(self) -> None:
        """Let a generation serve that is ready, once it is its turn."""
        for generation in list(self.generations):
            if generation.is_ready() and self._is_free() and self.is_fit(generation):
                self._replace_by(generation)

    def _is_free(self) -> bool:
        return self.serving is None or self.serving.state == "serving"

    def _replace_by(self, generation: GenerationEnd) -> None:
        old = self.serving
        generation.state, generation.after = "ready", old
        if old is None:
            self._go(generation)
            return
        old.state = "leaving"
        if old.ready["drains"]:
            old.channel.send("drain")
        else:
            old.kill(signal.SIGTERM)
        later, kill_s = self.reactor.later, self.drain_s + KILL_GRACE_S
        later(GO_DEADLINE_S, self._go, generation)
        later(kill_s, old.kill, signal.SIGKILL)

    def _on_read(self, generation: GenerationEnd, message: dict[str, Any]) -> None:
        generation.read.update(message["names"])

    def _on_failed(self, generation: GenerationEnd, message: dict[str, Any]) -> None:
        generation.failure = generation.failure or message

    def _on_hold(self, _: GenerationEnd, message: dict[str, Any]) -> None:
        self.shelf.keep(message["key"], message["fds"][0])

    def _on_stopped(self, old: GenerationEnd, _: dict[str, Any]) -> None:
        old.workers -= 1
        if old.workers <= 0:
            self.make_way(old)

    def make_way(self, old: GenerationEnd) -> None:
        """Let the one serve that waits for `old` to stop."""
        for generation in self.generations:
            if generation.after is old:
                self._go(generation)

    def _go(self, generation: GenerationEnd) -> None:
        if generation.state != "ready":
            return
        generation.state, self.serving = "serving", generation
        generation.after = None  # or each would keep all that were before it
        generation.let("go")
        self._pass_on()
        self.last = {"generation": generation.number, "steps": generation.steps()}
        generation.tell("serving", **self.last)
        self.on_serving(generation)
        self.take_turns()

    def _on_connection(self, _: GenerationEnd, message: dict[str, Any]) -> None:
        self.adrift += map(os.dup, message["fds"])
        self._pass_on()

    def _pass_on(self) -> None:
        # One that leaves may have read its last message.
        if self.serving is not None and self.serving.state == "serving":
            for fd in self.adrift:
                self.serving.channel.send("connection", [fd])
                os.close(fd)
            self.adrift.clear()

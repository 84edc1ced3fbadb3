"""Which generation serves, and how the next one takes its place.

One at a time takes the place of another. From when the old one is told to leave there is
no way back, so whatever is ready by then serves, if only for a moment: what came after it
waits for its turn, be it a better edit or one that fails.
"""

from __future__ import annotations

import os
import signal

from syncd.reloader.ends import GenerationEnd
from syncd.reloader.reactor import Reactor
from syncd.reloader.warm import KILL_GRACE_S


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


GO_DEADLINE_S = 0.5  # how long a busy old generation can hold up the next one


class Succession:
    """The generations, and which of them serves.

    Attributes:
        generations: All that run.
        serving: The one that connections are for.
        adrift: Connections that were passed on, until there is somebody to take them.
    """

    def __init__(
        self,
        reactor: Reactor,
        drain_s: float,
        on_serving: Callable[[GenerationEnd], None],
    ) -> None:
        self.reactor = reactor
        self.drain_s = drain_s
        self.on_serving = on_serving
        self.generations: list[GenerationEnd] = []
        self.serving: GenerationEnd | None = None
        self.adrift: list[int] = []

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

    def offer(self, generation: GenerationEnd) -> None:
        """Let a generation serve, unless another takes its place first."""
        old = self.serving
        if old is not None and (old.state == "leaving" or old.workers <= 0):
            return  # as does one that ends by itself
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

    def on_stopped(self, old: GenerationEnd) -> None:
        """Note that a process of `old` accepts no more."""
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
        self.on_serving(generation)

    def on_connections(self, fds: Iterable[int]) -> None:
        """Pass on connections that were at rest in a generation that leaves."""
        self.adrift += map(os.dup, fds)
        self._pass_on()

    def _pass_on(self) -> None:
        # One that leaves may have read its last message.
        if self.serving is not None and self.serving.state == "serving":
            for fd in self.adrift:
                self.serving.channel.send("connection", [fd])
                os.close(fd)
            self.adrift.clear()

"""The supervisor: what is started, on which signal or edit, and how all of it ends."""

# ruff: noqa: ANN401 - messages are JSON
from __future__ import annotations

import contextlib
import os
import signal

from syncd.reloader.channel import say
from syncd.reloader.ends import GenerationEnd, Retry
from syncd.reloader.program import Program, Unchanged
from syncd.reloader.reactor import Reactor
from syncd.reloader.succession import Succession
from syncd.reloader.warm import FORWARDED
from syncd.reloader.warming import WarmEnd, Warming
from syncd.reloader.watch import Watch


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from syncd.reloader.ends import Answer


RUNNING_S = 1.0  # after which a program that never listened is said to run
ENDING = {signal.SIGINT, signal.SIGQUIT, signal.SIGTERM}
SIGNALS = {*FORWARDED, signal.SIGCHLD}


class Supervisor:
    """Has generations started, and ends as they end.

    Attributes:
        say: Tells what one can do without knowing.
        status: The wait status to end with, once that is known.
        stopping: The signal that asked for the end, or 0. What outlives it did not
            take it for that.
        ended: How the generation that served ended, if none does any more.
        answers: Who is to be told how the next generation went.
        wanted: To start once more as soon as that can be.
    """

    def __init__(self, options: Any, program: Program, reactor: Reactor) -> None:
        self.options = options
        self.reactor = reactor
        self.say = (lambda _: None) if options.quiet else say
        self.mask = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        self.status: int | None = None
        self.stopping = 0
        self.ended: int | None = None
        self.declined = ""
        self.succession = Succession(
            reactor,
            options.drain_s,
            on_message=self._on_message,
            is_fit=self._is_fit,
            on_serving=self._on_serving,
        )
        self.generations = self.succession.generations
        self.answers: list[Answer] = []
        self.wanted = False
        self.retry = Retry()
        self.warming = Warming(
            reactor,
            program,
            options,
            mask=self.mask,
            on_message=self._on_warm,
            say=self.say,
        )
        roots = [os.getcwd(), *options.roots]  # noqa: PTH109
        self.watch = Watch(reactor, roots, self._on_edit)

    def run(self) -> int:
        """Run until the command has ended; returns its wait status."""
        self.reactor.on_signals(SIGNALS, self._on_signal)
        if self.options.watch:
            self.watch.begin()
        self._start()
        while self.status is None:
            self.reactor.turn()
        return self.status

    @property
    def serving(self) -> GenerationEnd | None:
        """The generation that serves."""
        return self.succession.serving

    def end(self) -> None:
        """Leave nothing behind."""
        for generation in self.generations:
            generation.kill(signal.SIGKILL)
        self.warming.end()
        signal.pthread_sigmask(signal.SIG_SETMASK, self.mask)

    def _on_edit(self, text: str) -> None:
        if not self.declined:
            self.say(text)
            self.reload()

    def _on_signal(self, number: int, by_kernel: bool) -> None:  # noqa: FBT001
        if number == signal.SIGCHLD:
            self._reap()
            return
        for generation in self.generations:
            meant = number in ENDING or self.serving in (None, generation)
            # What comes from the terminal has come to each that runs already.
            if meant and not (by_kernel and generation.pid):
                generation.kill(number)
        if number in ENDING:
            self.stopping = number
        ends = number in {*ENDING, signal.SIGHUP}
        if ends and not any(generation.pid for generation in self.generations):
            self.status = number

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            for pid, status in iter(lambda: os.waitpid(-1, os.WNOHANG), (0, 0)):
                self._on_exit(pid, status)

    def _on_warm(self, warm: WarmEnd, message: dict[str, Any]) -> None:
        if message["op"] == "exited":
            self._on_exit(message["pid"], message["status"])
        elif message["op"] == "ended":
            self._on_warm_ended(warm)
        else:
            self.succession.on_fork(message)

    def _on_warm_ended(self, warm: WarmEnd) -> None:
        if self.succession.count == 1 and [g.pid for g in self.generations] == [0]:
            launch = self.warming.program.launch
            raise Unchanged(f"{launch[0]} cannot run the reloader")
        if any(g.warm is warm and g.state == "starting" for g in self.generations):
            self._replace()  # as nobody knows how far that has come
        for generation in list(self.generations):
            self._on_orphaned(generation)
        if warm is self.warming.current and self.status is None:
            self.say("the warm process died; starting another")
            self.reactor.later(self.retry.next_s(), self._renew)

    def _renew(self) -> None:
        if not self.warming.current.pid:
            self.warming.renew()
            self._start_wanted()

    def reload(self, *answers: Answer) -> None:
        """Replace what serves by what lies on disk now."""
        if self.serving is None:
            self.stopping = 0  # what runs has outlived it
        self.answers += answers
        self._replace()

    def _replace(self) -> None:
        for generation in self.generations:
            if generation.state == "starting":
                self.answers = generation.answers + self.answers
                self.succession.drop(generation)
        self.wanted = True
        self._start_wanted()

    def _start_wanted(self) -> None:
        # Two at a time of what has never served may be one too many.
        free = self.succession.last or not self.generations
        if self.wanted and free and self.warming.current.pid:
            self._start()

    def _start(self) -> None:
        generation = self.succession.start(self.warming.current, self.answers)
        self.wanted, self.answers = False, []
        if generation.answers:
            self.reactor.later(RUNNING_S, self._tell_running, generation)

    def _tell_running(self, generation: GenerationEnd) -> None:
        if generation.state == "starting" and not self.succession.last:
            generation.tell("running", generation=generation.number)

    def _on_message(self, generation: GenerationEnd, message: dict[str, Any]) -> None:
        getattr(self, f"_on_{message['op']}")(generation, message)

    def _is_fit(self, generation: GenerationEnd) -> bool:
        """Tell whether what it was forked from is true; if not, start once more."""
        if self.stopping and self.serving is not None and self.serving.workers <= 0:
            return False  # what serves ends, and all with it
        unfit = self._unfit(generation.changed or [], generation.ready)
        if unfit:
            self.say(f"starting once more: {unfit}")
            self.warming.renew(forgive=bool(generation.changed))
            self._replace()
        return not unfit

    def _unfit(self, changed: list[str], ready: dict[str, Any]) -> str:
        warming = self.warming
        warming.program_sets.update(ready["environ"])
        for name, path in ready["shadowed"].items():
            warming.cold[name] = warming.by_option[name] = f"shadowed by {path}"
            return f"{name} is {path} now"
        if ready["environ"]:
            return f"the program sets ${ready['environ'][0]}, which was read before"
        return f"{changed[0]} has changed" if changed else ""

    def _on_serving(self, generation: GenerationEnd) -> None:
        self.stopping, self.ended = 0, None
        self.retry.succeeded()
        steps = self.succession.last["steps"].items()
        told = ", ".join(f"{name[:-3]} {ms:.0f}" for name, ms in steps)
        self.say(f"generation {generation.number} serves (ms: {told})")

    def _on_declined(self, generation: GenerationEnd, message: dict[str, Any]) -> None:
        reason = message["reason"]
        if self.serving is not None or generation.state == "dropped":
            text = f"{reason}, which is not taken over by an edit"
            generation.failure = {"traceback": text, "where": f"as {text}"}
            generation.channel.send("stop")
            return
        self.declined = reason
        generation.state, self.succession.serving = "serving", generation
        generation.channel.send("go")
        generation.tell("declined", reason=reason)
        say(f"not taken over: {reason}. It runs as if it had been started alone.")

    def _on_modules(self, _: GenerationEnd, message: dict[str, Any]) -> None:
        self.warming.learn(message["names"])

    def _on_wrote(self, _: GenerationEnd, message: dict[str, Any]) -> None:
        self.watch.disown(message["names"])

    def _on_learned(self, generation: GenerationEnd, message: dict[str, Any]) -> None:
        generation.learned = True
        self.watch.heed(self._read_by(generation))
        if self.options.watch:
            self.watch.begin(message["folders"])
        self.succession.shelf.clear(message["unused"])
        self.warming.program_sets.update(message["environ"])
        if message["patched"]:
            self.warming.give_up("gevent or eventlet patches the standard library")
        self.warming.improve()

    def _read_by(self, generation: GenerationEnd) -> dict[str, Any]:
        """Return what it read, as it was then; or as one saw it that came after it."""
        if generation.number == self.succession.count:
            return generation.read
        known = {**generation.read, **self.watch.seen, **self.watch.read}
        return {path: known[path] for path in {*generation.read, *self.watch.read}}

    def _on_ended(self, generation: GenerationEnd, _: Any) -> None:
        self.reactor.forget(generation.channel)
        generation.channel.close()
        self._on_orphaned(generation)

    def _on_orphaned(self, generation: GenerationEnd) -> None:
        """Note an end that nobody is left to tell of, as its warm process died."""
        gone = not generation.warm.pid and generation.channel.fileno() < 0
        inherited = os.getpid() == 1 and generation.pid  # and SIGCHLD is going to tell
        if gone and not inherited and generation in self.generations:
            self._exited(generation, 1 << 8)

    def _on_exit(self, pid: int, status: int) -> None:
        for generation in [g for g in self.generations if g.pid == pid]:
            self._exited(generation, status)

    def _exited(self, generation: GenerationEnd, status: int) -> None:
        self.generations.remove(generation)
        while generation.channel.fileno() >= 0 and generation.channel.has_input():
            self.succession.receive(generation)
        generation.pid = 0
        self.succession.make_way(generation)
        if generation is self.serving:
            self.succession.serving, self.ended = None, status
        elif generation.state == "starting":
            self._failed(generation, status)
        elif generation.state == "ready" and not self.stopping:
            self.reload(*generation.answers)  # another one, as what served has to leave
        if self.serving is None:
            self._go_on_or_end(status)

    def _go_on_or_end(self, status: int) -> None:
        """Go on with what comes, or end as the last generation ended."""
        if (self.succession.coming() or self.wanted) and not self.stopping:
            self.succession.take_turns()
            self._start_wanted()
        elif not self._waits_for_an_edit():
            self.status = status if self.ended is None else self.ended

    def _waits_for_an_edit(self) -> bool:
        """Tell whether a failure is waited out, as nothing has served."""
        return bool(self.options.stay and self.ended is None and not self.stopping)

    def _failed(self, generation: GenerationEnd, status: int) -> None:
        where = generation.fail(status)
        lasting = self.succession.lasting()
        if lasting is not None and not self.stopping:
            say(f"the edit fails {where}; generation {lasting.number} serves on")
        elif self._waits_for_an_edit():
            say(f"the program fails {where}; waiting for the next edit")
        self.watch.heed({**self.watch.read, **generation.read})

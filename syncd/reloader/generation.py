"""A generation: the command, as Python would have run it."""

# ruff: noqa: ANN401, PTH100, PTH208 - loops and servers are of any kind; no pathlib
from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import sys
import time
import traceback
from importlib.machinery import PathFinder

from syncd.reloader.bytecode import CodeStore
from syncd.reloader.channel import Channel
from syncd.reloader.reading import Reading
from syncd.reloader.sockets import Listeners
from syncd.reloader.stage import perform, set_the_stage
from syncd.reloader.warm import Warm
from syncd.reloader.witness import as_if_importlib, executed_by, find_spec_after


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Seams = dict[str, Callable[[Any, "Generation"], None]]


LONGEST_TEXT = 30_000  # of which each character may take six bytes of a message


class Generation:
    """A generation, which runs the command and keeps in step with the supervisor.

    Attributes:
        ready: It has said so, or it is not taken over and there is nothing to say.
        own_gate: Its server says when it is ready; that it listens does not.
        leaving: When it must have ended, once it was told to drain.
        servers: The listening servers of its event loops.
        uvicorns: Those of uvicorn.
        forks: How many processes of a server accept, if it forks them itself; or 0.
    """

    def __init__(self, warm: Warm, request: dict[str, Any]) -> None:
        self.warm = warm
        self.began = time.monotonic()
        self.steps = {"fork_ms": (self.began - request["asked"]) * 1000}
        self.drain_s: float = request["drain_s"]
        fd, code, *held = request["fds"]
        self.channel = Channel(socket.socket(fileno=fd))
        self.reading = Reading(self._disown)
        self.code = CodeStore(code, warm.places.third_party, self.reading.note)
        self.listeners = Listeners(self.channel, zip(request["held"], held))  # noqa: B905 - 3.8
        self.environ = dict(os.environ)
        self.modules = dict(sys.modules)
        self.order: dict[str, None] = {}
        self.folders: set[str] = set()
        self.logged: list[str] = []
        self.ready = self.own_gate = False
        self.leaving = 0.0
        self.servers: list[Any] = []
        self.uvicorns: list[Any] = []
        self.forks = 0

    # running the command

    def run(self, seams: Seams) -> None:
        """Run the command to its end, which is that of this process."""
        program = self.warm.program
        self._reach_out(seams)
        main = set_the_stage(program)
        try:
            perform(program, main)
        except SystemExit as error:
            if error.code not in (None, 0):
                self._fail(_text_of(error.__context__) or str(error.code))
            raise
        except BaseException as error:
            tb = error.__traceback__
            while tb is not None and tb.tb_frame.f_code.co_filename == __file__:
                tb = tb.tb_next
            sys.excepthook(type(error), error.with_traceback(tb), tb)
            self._fail(_text_of(error))
            if not isinstance(error, KeyboardInterrupt):
                sys.exit(1)
            # Python ends of SIGINT then, which tells a shell that runs a script to end too.
            sys.excepthook = lambda *_: None
            raise

    def _reach_out(self, seams: Seams) -> None:
        """Be there wherever the program touches what has to be shared."""
        sys.addaudithook(self.reading.audit)
        self.code.attach()
        self.listeners.attach()
        for name, attach in seams.items():
            if name in sys.modules:
                attach(sys.modules[name], self)
        finder: Any = Attacher(self, seams)
        self.order = finder.order
        sys.meta_path.insert(0, finder)

    # what the supervisor is told

    def _fail(self, text: str) -> None:
        if not self.ready:
            text = "\n".join([*self.logged, text])
            places = re.findall(r'File "([^"<]+)", line (\d+)', text)
            places = [place for place in places if place[0] != __file__]
            mine = [p for p in places if not self.warm.places.third_party(p[0])]
            file, line = (mine or places or [("", "0")])[-1]
            text = text[-LONGEST_TEXT:]
            self._tell_what_was_read()
            self.channel.send("failed", traceback=text, file=file, line=int(line))

    def _tell_what_was_read(self) -> None:
        theirs, found = self.warm.places.third_party, list(self.reading.found.items())
        self.channel.send_names(
            "read", [item for item in found if not theirs(f"{item[0]}/")]
        )

    def _disown(self, names: list[str]) -> None:
        if self.forks or not self.listeners.are_elsewhere():
            self.channel.send_names("wrote", names)

    def decline(self, reason: str) -> None:
        """Say why this program cannot be taken over.

        It goes on as if never touched, unless another one serves.
        """
        if not self.ready:
            self.ready = self.reading.over = True
            self.channel.send("declined", reason=reason)
            if not self._may_go():
                sys.exit(1)
            self.listeners.give_up()

    def imported(self) -> None:
        """Note that the program is loaded, and that its start-up is what is left."""
        self.steps["import_ms"] = (time.monotonic() - self.began) * 1000

    def gate(self) -> bool:
        """Say that only accepting is left to do, and wait for leave to do it.

        A server that forks has each of its processes say so, and leaves by SIGTERM;
        any other has to read the order to drain.

        Returns:
            False if this generation is not wanted any more.
        """
        if self.ready:
            return True
        self.ready = self.reading.over = True
        ran_ms = (time.monotonic() - self.began) * 1000
        self.steps.setdefault("import_ms", ran_ms)
        self.steps["startup_ms"] = ran_ms - self.steps["import_ms"]
        self.listeners.listen_ahead()
        environ = sorted(self._changed_environ() & self.warm.reads)
        shadowed = self._shadowed()
        self.channel.send(
            "ready",
            steps=self.steps,
            drains=not self.forks,
            workers=max(1, self.forks),
            environ=environ,
            shadowed=shadowed,
        )
        return self._may_go()

    def _may_go(self) -> bool:
        op = ""
        while op not in ("go", "stop", "ended"):
            op = self.channel.receive()["op"]
        return op == "go"

    def _changed_environ(self) -> set[str]:
        now, then = dict(os.environ), self.environ
        return {key for key in {*now, *then} if now.get(key) != then.get(key)}

    def _shadowed(self) -> dict[str, str]:
        """Return warm modules in whose place a cold start would find something else."""
        tops = {name.partition(".")[0] for name in self.warm.preloaded}
        found = dict.fromkeys(self._replaced(), "a stand-in of the program's")
        for entry in sys.path:
            if self.warm.places.third_party(f"{os.path.abspath(entry)}/"):
                break
            with contextlib.suppress(OSError):
                names = {name.partition(".")[0] for name in os.listdir(entry or ".")}
                for name in names & tops:
                    spec = PathFinder.find_spec(name, [entry])
                    if spec is not None and spec.origin:
                        found[name] = spec.origin
        return found

    def _replaced(self) -> list[str]:
        """Return what the program put in the place of a module before others need it."""
        modules = self.warm.searched & sys.modules.keys() - self.order.keys()
        return [
            name
            for name in modules
            if sys.modules[name] is not self.modules.get(name)
            and getattr(getattr(sys.modules[name], "__spec__", None), "name", "")
            != name
        ]

    def learn(self) -> None:
        """Report what this generation was made of; once it serves, and at leisure."""
        places = self.warm.places
        names, folders = [], set(self.folders)
        for name in {**self.order, **dict.fromkeys(sys.modules)}:
            spec = getattr(sys.modules.get(name), "__spec__", None)
            if name in self.warm.preloaded or getattr(spec, "name", "") != name:
                continue
            if places.may_be_warm(spec):
                names.append(name)
            elif spec is not None and spec.has_location and spec.origin:
                depth = name.count(".") + bool(spec.submodule_search_locations)
                folders.add(os.path.abspath(spec.origin).rsplit("/", depth + 1)[0])
        self.channel.send_names("modules", names)
        self._tell_what_was_read()
        patches = ("gevent.monkey", "saved"), ("eventlet.patcher", "already_patched")
        patched = any(getattr(sys.modules.get(m), at, None) for m, at in patches)
        self.channel.send(
            "learned",
            folders=sorted(folders),
            environ=sorted(self._changed_environ()),
            patched=patched,
            unused=self.listeners.unused(),
        )
        self.code.save()

    # leaving

    def leave(self) -> None:
        """Say that what comes from now on is left to the next generation."""
        self.leaving = time.monotonic() + self.drain_s
        self.channel.send("stopped")

    def left_s(self) -> float:
        """Return how long it may still answer what it was asked."""
        return max(0.0, self.leaving - time.monotonic())

    def ask_to_end(self) -> None:
        """End in the program's own way."""
        os.kill(os.getpid(), signal.SIGTERM)


class Attacher:
    """Attaches a generation to each library with a seam, as soon as it is imported.

    Attributes:
        order: In which imports began. `sys.modules` has the order in which they ended.
    """

    def __init__(self, generation: Generation, seams: Seams) -> None:
        self.generation = generation
        self.seams = seams
        self.order: dict[str, None] = {}

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find a module as the others do, to attach to it when it is executed."""
        self.order[name] = None
        if name not in self.seams:
            return None
        spec = find_spec_after(self, name, path, target)
        return None if spec is None else executed_by(spec, self._execute)

    @as_if_importlib
    def _execute(self, execute: Callable[[Any], None], module: Any) -> None:
        execute(module)
        self.seams[module.__name__](module, self.generation)


def _text_of(error: BaseException | None) -> str:
    if error is None:
        return ""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    return "".join(lines)

"""`syncd` as a process of its own, and all that it says."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


WAIT_S = 60.0
END_S = 20.0
SHOWN = 40  # how many of the last events a failure shows

Event = dict[str, Any]


class Watching:
    """A running `syncd watch`.

    Attributes:
        events: What it has said so far.
    """

    def __init__(self, process: subprocess.Popen[bytes], errors: Path) -> None:
        self.process = process
        self.events: list[Event] = []
        self._errors = errors
        self._awaited = 0
        self._news = threading.Condition()
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def until(
        self,
        name: str,
        *,
        where: Callable[[Event], object] = lambda _: True,
        timeout_s: float = WAIT_S,
        **fields: object,
    ) -> Event:
        """Return the next such event after the one that was last waited for."""

        def found() -> Event | None:
            for index in range(self._awaited, len(self.events)):
                event = self.events[index]
                if _fits(event, name, fields) and where(event):
                    self._awaited = index + 1
                    return event
            return None

        deadline = time.monotonic() + timeout_s
        with self._news:
            while (event := found()) is None:
                left = deadline - time.monotonic()
                if self._ended or left <= 0 or not self._news.wait(left):
                    raise AssertionError(f"no {name} {fields}\n{self.story()}")
        return event

    def skip(self) -> None:
        """Wait for nothing that was said before now."""
        with self._news:
            self._awaited = len(self.events)

    def all(self, name: str, **fields: object) -> list[Event]:
        """Return every such event so far."""
        with self._news:
            return [event for event in self.events if _fits(event, name, fields)]

    def story(self) -> str:
        """Return the last events and what was written to stderr, for people."""
        said = "\n".join(json.dumps(event) for event in self.events[-SHOWN:])
        ended = f"\nended with {self.process.poll()}" if self._ended else ""
        return f"{said}\n{self._errors.read_text()}{ended}"

    def interrupt(self) -> float:
        """Press Ctrl-C; return how long it took to end, in seconds."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self._wait()
        return time.monotonic() - started

    def kill(self) -> None:
        """End it with SIGKILL, in the middle of whatever it does."""
        self.process.kill()
        self._wait()

    def verdict(self) -> str:
        """Return what was wrong with how it ended, or ""."""
        errors = self._errors.read_text()
        if self.process.returncode or errors:
            return f"ended with {self.process.returncode}\n{self.story()}"
        return ""

    def close(self) -> None:
        """End it if it runs."""
        if self.process.poll() is None:
            self.process.kill()
            self._wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def _wait(self) -> None:
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it does not end\n{self.story()}") from None
        finally:
            self._reader.join(END_S)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event = json.loads(line)
            with self._news:
                self.events.append(event)
                self._news.notify_all()
        with self._news:
            self._ended = True
            self._news.notify_all()


def _fits(event: Event, name: str, fields: Mapping[str, object]) -> bool:
    return event["event"] == name and all(event[k] == v for k, v in fields.items())


@dataclass(frozen=True)
class Syncd:
    """Runs `syncd` in a folder, with a state folder of its own.

    Attributes:
        home: Where its state is kept, and its stderr.
        kubeconfig: Instead of the one of KUBECONFIG.
    """

    home: Path
    kubeconfig: Path | None = None

    def start(self, *args: str, cwd: Path | None = None) -> Watching:
        """Start `syncd watch`; whoever starts it closes it."""
        self.home.mkdir(parents=True, exist_ok=True)
        errors = self.home / f"stderr-{time.monotonic_ns()}"
        with errors.open("wb") as stderr:
            process = subprocess.Popen(
                _argv("watch", *args),
                cwd=cwd or self.home,
                env=self._environment(),
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        return Watching(process, errors)

    @contextmanager
    def watch(self, *args: str, cwd: Path | None = None) -> Iterator[Watching]:
        """Run `syncd watch`; at the end Ctrl-C must end it, with 0 and in silence."""
        watching = self.start(*args, cwd=cwd)
        try:
            yield watching
            if watching.process.poll() is None:
                watching.interrupt()
            assert not watching.verdict()
        finally:
            watching.close()

    def run(self, *args: str, cwd: Path | None = None) -> "Done":
        """Run `syncd sync` to its end."""
        return self.call("sync", *args, cwd=cwd)

    def call(self, command: str, *args: str, cwd: Path | None = None) -> "Done":
        """Run a command of syncd to its end."""
        self.home.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            _argv(command, *args),
            cwd=cwd or self.home,
            env=self._environment(),
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def _environment(self) -> dict[str, str]:
        environment = {**os.environ, "XDG_STATE_HOME": str(self.home / "state")}
        if self.kubeconfig is not None:
            environment["KUBECONFIG"] = str(self.kubeconfig)
        return environment


@dataclass(frozen=True)
class Done:
    """How a command of syncd ended."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[Event]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def message(self) -> str:
        """The message of its one `error`; there must be nothing on stderr."""
        assert not self.err, self.err
        (event,) = (event for event in self.events if event["event"] == "error")
        assert event["message"], self.out
        return str(event["message"])

    @property
    def hint(self) -> str:
        (event,) = (event for event in self.events if event["event"] == "error")
        return str(event["hint"])


def _argv(command: str, *args: str) -> list[str]:
    return [sys.executable, "-m", "syncd", command, *args, "--output", "json"]

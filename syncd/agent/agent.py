"""The far side: what runs inside the container, from the standard library alone.

The session hands these modules over on stdin, and Python 3.8 or newer runs them from
memory; they are written nowhere and end with their stdin. One thread: a message, its
answer, the next message. While one takes long, `busy` is said every second, so that
silence means a lost link. What is not ours takes as long as it likes: commands and
probes are for children, and answered when these end.

How a batch lands whole. Each file of the stream is written to a temporary beside its
target (`.syncd-PID-N`). When `end` has confirmed the stream, all is put in place in
one burst: deletes, folders, renames, links, modes, byte-code. A stream that breaks
before leaves the old tree; a SIGKILL leaves temporaries, never half a file, and the
next agent's `list` sweeps them. What cannot be done to one path is told as data, and
the rest of the batch lands.

Rejected: `tar` (it unlinks before it writes), threads (a stalled disk would stall the
batch all the same), a helper binary (an image to trust and an architecture to match).
"""

from __future__ import annotations

import os
import signal
import sys
import time
from contextlib import suppress

from syncd.agent.batch import Batch
from syncd.agent.burst import land
from syncd.agent.folders import Root
from syncd.agent.hooks import end_earlier, run, send_signal
from syncd.agent.link import Answer, Broken, PeerGone, Wire
from syncd.agent.look import hash_files, list_folders, self_portrait
from syncd.agent.probing import ask_readiness
from syncd.agent.reloader import Reloader
from syncd.agent.scratch import Clock, Temporaries, in_container
from syncd.agent.stream import digest_of, sha256


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VERSION = 1
LISTS = ("deletes", "dirs", "modes")


class Agent:
    """What lasts from one message to the next."""

    def __init__(self, wire: Wire, digest: str) -> None:
        self.wire = wire
        self.digest = digest
        self.temporaries = Temporaries()
        self.clock = Clock()
        self.roots: list[str] = []
        self.reloader = Reloader(wire)

    def serve(self) -> None:
        """Do what is asked until `bye`."""
        while True:
            message = self.wire.message()
            if message["op"] == "bye":
                return
            self._do(message["op"], message)

    def _do(self, op: str, message: dict[str, Any]) -> None:
        if op == "ping":
            self.wire.pong(message)
        elif op == "hello":
            self._greet(message)
        elif op == "list":
            root = self._root(message)
            list_folders(self.wire, root, self.temporaries, message)
            root.close()
        elif op == "hash":
            root = self._root(message)
            hash_files(self.wire, root, message)
            root.close()
        elif op == "apply":
            self._apply(message)
        elif op == "run":
            run(self.wire, message, self.reloader.force)  # who knows what it changes
        elif op == "signal":
            send_signal(self.wire, message)
        elif op == "ready":
            ask_readiness(self.wire, message)
        else:
            raise Broken(f"unknown op {op!r}")

    def _root(self, message: dict[str, Any]) -> Root:
        return Root(self.roots[message["root"]])

    def _greet(self, message: dict[str, Any]) -> None:
        self.roots = [in_container(path) for path in message["roots"]]
        self.wire.silence_s = message.get("silence_s")
        if message.get("session"):
            end_earlier(message["session"])
        portrait = self_portrait(self.roots, message.get("tools", ()))
        self.wire.send(op="hello", version=VERSION, digest=self.digest, **portrait)
        sha256()  # loads OpenSSL while the next message is on its way
        self.reloader.find()

    def _apply(self, message: dict[str, Any]) -> None:
        begun = time.monotonic()
        plan = self._plan(message)
        self.reloader.find()  # it must not look at a batch that is landing
        batch = Batch(
            message["id"], self._root(message), self.wire, self.temporaries, self.clock
        )
        try:
            batch.receive()
            staged = time.monotonic()
            deleted = land(batch, plan)
            time_ns = time.time_ns()
            told = self._tell_reloader(batch, deleted)
        finally:
            batch.close()
        done = time.monotonic()
        answer = Answer(self.wire, "applied", message)
        for path, exc in sorted(batch.errors.items()):
            answer.fail(path, exc)
        for note in batch.notes:
            answer.add("notes", note, note["path"])
        landed = [item for item in batch.items if item.landed]
        answer.close(
            files=len(landed),
            deleted=len(deleted),
            bytes=sum(item.size for item in landed),
            digest=digest_of(landed),
            stage_ms=round((staged - begun) * 1000, 3),
            commit_ms=round((done - staged) * 1000, 3),
            time_ns=time_ns,
            reloader=told,
        )

    def _tell_reloader(self, batch: Batch, deleted: list[str]) -> bool:
        """Have the program restarted, if that is what it runs under."""
        below = batch.root.path.rstrip("/") + "/"
        changed = [below + item.path for item in batch.items if item.landed]
        return self.reloader.tell(
            batch.number, changed, [below + path for path in deleted]
        )

    def _plan(self, message: dict[str, Any]) -> dict[str, Any]:
        """Return the lists of an apply, which may come in several messages."""
        plan: dict[str, Any] = {key: list(message[key]) for key in LISTS}
        while message.get("more"):
            message = self.wire.message()
            if message["op"] != "apply":
                op = message["op"]
                raise Broken(f"{op} in the middle of an apply")
            for key in LISTS:
                plan[key] += message[key]
        check(plan)
        return plan


def check(plan: dict[str, Any]) -> None:
    """Refuse a plan of the wrong shape before anything is done."""
    pairs = plan["dirs"] + plan["modes"]
    paths = [entry["path"] for entry in plan["deletes"]] + [path for path, _ in pairs]
    if not all(isinstance(path, str) for path in paths):
        raise Broken("a path that is no text")
    if not all(isinstance(mode, int) and 0 <= mode <= 0o777 for _, mode in pairs):
        raise Broken("a mode beyond 0777")


def serve(source: int, sink: int, digest: str = "") -> int:
    """Serve one session over two descriptors, and return the exit code."""
    wire = Wire(source, sink)
    try:
        Agent(wire, digest).serve()
    except PeerGone:
        return 0
    except Exception as exc:  # noqa: BLE001 - the session must read it, whatever it is
        error = f"{type(exc).__name__}: {exc}"
        sys.stderr.write(f"syncd agent: {error}\n")
        with suppress(PeerGone):
            wire.send(op="fatal", error=error)
        return 1
    return 0


def main(digest: str) -> int:
    """Run on stdin and stdout; nothing else may write to this stdout."""
    for number in (signal.SIGHUP, signal.SIGINT):
        # Not SIG_IGN: the commands of `run` would inherit that.
        signal.signal(number, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sink = os.dup(1)
    try:
        os.dup2(2, 1)
    except OSError:  # no stderr was given
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return serve(0, sink, digest)

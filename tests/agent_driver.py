"""Drive the real agent: as a process over pipes, or in this process over files.

Also the two things that its tests compare: trees on disk, looked at without any code
of syncd's own, and changes made from them.
"""

import hashlib
import os
import select
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from syncd.agent import boot
from syncd.agent.agent import serve
from syncd.delta import Delta
from syncd.tree import Change, Entry, Kind, diff
from syncd.wire import Decoder, Message, as_path, encode, joined


DEADLINE_S = 20.0


class AgentProcess:
    """The agent as a session sees it: something at the other end of two pipes.

    Args:
        roots: Sync roots, as absolute paths in the container.
        interpreter: The Python that runs it.
        prefix: What to run it under, such as `unshare -m`.
        env: Its whole environment.
        user: The uid that it runs as; root's tests alone may say another.
        hello: What else `hello` shall say.

    Attributes:
        said: The kind of each message received so far.
    """

    def __init__(
        self,
        *roots: Path,
        interpreter: str = sys.executable,
        prefix: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        user: int | None = None,
        **hello: Any,
    ) -> None:
        argv, payload = boot(interpreter, hello.get("session", ""))
        self.process = subprocess.Popen(
            [*prefix, *argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
            user=user,
            group=user,
            extra_groups=None if user is None else [],
            bufsize=0,
        )
        self._decoder = Decoder()
        self._frames: list[Any] = []
        self._batches = 0
        self.said: list[str] = []
        self.send(payload)
        named = [os.fsdecode(root) for root in roots]
        self.hello = self.ask({"op": "hello", "roots": named, **hello})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> int:
        """End its stdin, as a lost stream does, and return its exit code."""
        process = self.process
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.close()
        try:
            code = process.wait(DEADLINE_S)
        finally:
            process.kill()
            process.stdout.close()
            process.stderr.close()
        return code

    def send(self, data: bytes | Message) -> None:
        """Send a message, or bytes as they are."""
        assert self.process.stdin is not None
        rest = memoryview(encode(data) if isinstance(data, dict) else data)
        while rest:
            rest = rest[os.write(self.process.stdin.fileno(), rest) :]

    def receive(self) -> Message:
        """Return the next message, `busy` ones included.

        Raises:
            EOFError: If the agent has ended.
        """
        assert self.process.stdout is not None
        deadline = time.monotonic() + DEADLINE_S
        while not self._frames:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise TimeoutError("the agent is silent")
            data = os.read(self.process.stdout.fileno(), 1 << 16)
            if not data:
                raise EOFError(self.errors())
            self._frames += self._decoder.feed(data)
        frame: Message = self._frames.pop(0)
        self.said.append(frame["op"])
        return frame

    def errors(self) -> str:
        """Return what an agent that has ended wrote to its stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.read().decode()

    def answer(self) -> Message:
        """Return the next whole answer."""
        parts: list[Message] = []
        while not parts or parts[-1].get("end") is False:
            message = self.receive()
            if message["op"] != "busy":
                parts.append(message)
        return joined(parts)

    def ask(self, message: Message) -> Message:
        """Send a message and return the answer."""
        self.send(message)
        return self.answer()

    def apply(self, local: Path, changes: Sequence[Change], **how: Any) -> Message:
        """Make `changes` from the folder `local`, and return what became of them."""
        self._batches += 1
        delta = Delta(local, changes, **how)
        for frame in delta.frames(self._batches, 0):
            self.send(frame)
        applied = self.answer()
        assert applied["op"] == "applied", applied
        delta.confirm(applied)
        return applied

    def level(self, local: Path, remote: Path, **how: Any) -> Message:
        """Make what is at `remote` equal to `local`."""
        return self.apply(local, changes_between(remote, local), **how)

    def listing(self, *dirs: str) -> dict[bytes, list[Any]]:
        """Return the entries of folders by path, without the path."""
        answer = self.ask({"op": "list", "id": 0, "root": 0, "dirs": list(dirs)})
        assert not answer.get("errors")
        return {as_path(entry[0]): entry[1:] for entry in answer["entries"]}

    @property
    def rss_mb(self) -> float:
        """The most memory that it ever held."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024


def served(root: Path, frames: Iterable[bytes]) -> list[Message]:
    """Run the agent in this process on a stream that ends, and return what it said.

    The `hello` is sent and answered before `frames`.
    """
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as sink:
        source.write(encode({"op": "hello", "roots": [os.fsdecode(root)]}))
        source.writelines(frames)
        source.flush()
        source.seek(0)
        serve(source.fileno(), sink.fileno())
        sink.seek(0)
        said = Decoder().feed(sink.read())
    return [frame for frame in said[1:] if isinstance(frame, dict)]


# --- trees -------------------------------------------------------------------------


def tree_at(root: Path) -> dict[bytes, Entry]:
    """Return what is on disk below `root`."""
    found: dict[bytes, Entry] = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder, name)
            found[os.fsencode(path.relative_to(root))] = entry_at(path)
    return found


def entry_at(path: Path) -> Entry:
    """Return the entry of one path."""
    facts = path.lstat()
    if stat.S_ISLNK(facts.st_mode):
        target = os.readlink(os.fsencode(path))  # noqa: PTH115 - Path normalizes it
        return Entry(Kind.LINK, target=target)
    mode = stat.S_IMODE(facts.st_mode)
    if stat.S_ISDIR(facts.st_mode):
        return Entry(Kind.DIR, mode)
    return file_entry(path.read_bytes(), mode)


def file_entry(content: bytes, mode: int = 0o644) -> Entry:
    """Return the entry of a file."""
    return Entry(Kind.FILE, mode, len(content), hashlib.sha256(content).digest())


def change(path: bytes, content: bytes) -> Change:
    """Return the change that writes a file."""
    return Change(path, file_entry(content))


def changes_between(remote: Path, local: Path) -> tuple[Change, ...]:
    """Return what makes the tree at `remote` equal to the one at `local`."""
    return diff(tree_at(remote), tree_at(local))


def written(root: Path, **files: str | bytes) -> Path:
    """Write files whose names have `__` for `/` and no suffix `.py`, and return `root`."""
    for name, content in files.items():
        path = root / (name.replace("__", "/") + ".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(data)
    return root


def everything(local: Path) -> tuple[Change, ...]:
    """Return the changes that write all that `local` holds."""
    return diff({}, tree_at(local))


def present(local: Path, *paths: str) -> list[Change]:
    """Return the changes that write some paths of `local`."""
    return [Change(path.encode(), entry_at(local / path)) for path in paths]


def gone(*paths: str) -> list[Change]:
    """Return the changes that take paths away."""
    return [Change(path.encode(), None) for path in paths]


def codes(applied: Message) -> dict[str, str]:
    """Return what went wrong with which path."""
    return {error["path"]: error["code"] for error in applied.get("errors", [])}


def notes(applied: Message) -> list[tuple[str, str]]:
    """Return what was odd about which path."""
    return [(note["path"], note["code"]) for note in applied.get("notes", [])]

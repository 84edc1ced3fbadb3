"""The node's ends of a process's stdin, stdout and stderr."""

import fcntl
import os
import pty
import struct
import termios
from dataclasses import dataclass

import anyio


# The share of the node in what a real cluster holds on the way to a process:
# a FIFO, and what copies into it. The pipe itself holds 64 KiB more.
BACKLOG = 64 * 1024
_PIECE = 32 * 1024


@dataclass(slots=True)
class Stdio:
    """Open descriptors: `theirs` for the process to be, the others stay here.

    Attributes:
        stdin: Where to write, or `None`.
        stdout: Where to read, or `None`; of a terminal, its other side.
        stderr: Where to read, or `None`.
        theirs: What `Runtime.spawn` takes, and closes.
        tty: Whether they are one terminal.
    """

    stdin: int | None
    stdout: int | None
    stderr: int | None
    theirs: tuple[int, int, int]
    tty: bool = False

    def close_stdin(self) -> None:
        """Let the process see the end of its input; a terminal stays open."""
        if self.stdin is not None and not self.tty:
            os.close(self.stdin)
        self.stdin = None

    def close(self) -> None:
        """Close all of this side."""
        self.close_stdin()
        for fd in {self.stdout, self.stderr} - {None}:
            os.close(fd or 0)
        self.stdout = self.stderr = None


def pipes(*, stdin: bool, stdout: bool, stderr: bool) -> Stdio:
    """Open a pipe for each stream that is wanted, `/dev/null` for the others."""
    null = os.open(os.devnull, os.O_RDWR)
    ours: list[int | None] = []
    theirs: list[int] = []
    for wanted, writes in ((stdin, True), (stdout, False), (stderr, False)):
        if not wanted:
            ours.append(None)
            theirs.append(os.dup(null))
            continue
        reader, writer = os.pipe()
        mine, other = (writer, reader) if writes else (reader, writer)
        os.set_blocking(mine, False)
        ours.append(mine)
        theirs.append(other)
    os.close(null)
    return Stdio(ours[0], ours[1], ours[2], (theirs[0], theirs[1], theirs[2]))


def terminal(*, stdin: bool) -> Stdio:
    """Open a terminal for all three streams."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    inside = (theirs, os.dup(theirs), os.dup(theirs))
    return Stdio(ours if stdin else None, ours, None, inside, tty=True)


def resize(fd: int, width: int, height: int) -> None:
    """Tell a terminal its size."""
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))


async def read(fd: int) -> bytes:
    """Return what a process wrote next, at most 32 KiB; nothing at the end."""
    while True:
        try:
            return os.read(fd, _PIECE)
        except BlockingIOError:
            await anyio.wait_readable(fd)
        except OSError:
            return b""  # the other side of a terminal is gone


class Feed:
    """What is on its way into a process.

    As on a real node, it goes on swallowing a little when nobody reads any more, and
    then it blocks for ever.
    """

    def __init__(self, stdio: Stdio) -> None:
        self._stdio = stdio
        self._backlog = bytearray()
        self._ended = False
        self._changed = anyio.Event()
        self._limit: float = BACKLOG
        self.blocked = False

    async def put(self, data: bytes) -> None:
        """Take `data` in, once all but `BACKLOG` of it has been written."""
        if self._ended:
            return
        self._backlog += data
        self._wake()
        while len(self._backlog) > self._limit:
            self.blocked = True
            await self._changed.wait()
        self.blocked = False

    def unblock(self) -> None:
        """Take anything in from now on, because there is an end to it."""
        self._limit = float("inf")
        self._wake()

    def end(self) -> None:
        """Close the stream once what was taken in is written."""
        self._ended = True
        self._wake()

    async def run(self) -> None:
        """Write until the end; stop, and leave the rest, if the process hung up."""
        while not (self._ended and not self._backlog):
            if not self._backlog:
                await self._changed.wait()
            elif not await self._write():
                return
        self._stdio.close_stdin()

    async def _write(self) -> bool:
        fd = self._stdio.stdin
        if fd is None:
            return False
        try:
            written = os.write(fd, bytes(self._backlog[:_PIECE]))
        except BlockingIOError:
            await anyio.wait_writable(fd)
        except OSError:
            return False
        else:
            del self._backlog[:written]
            self._wake()
        return True

    def _wake(self) -> None:
        self._changed.set()
        self._changed = anyio.Event()

"""A process at one end, a client with channels at the other: exec and attach.

What happens here in odd ways happens so on real clusters; `docs/decisions` and the
recordings that the tests replay have each of them.
"""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import anyio

from syncd.loopback.dialect import Dialect
from syncd.loopback.runtime import stdio
from syncd.loopback.runtime.client import StartFailed
from syncd.loopback.streams import channels, statuses
from syncd.loopback.streams.channels import Broken, CloseChannel, Data, Protocol
from syncd.loopback.streams.connection import Connection
from syncd.loopback.streams.frames import (
    Frame,
    FrameReader,
    Opcode,
    TooLarge,
    Unmasked,
    close_frame,
    frame,
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which streams the client asked for."""

    stdin: bool
    stdout: bool
    stderr: bool
    tty: bool

    @property
    def first_channel(self) -> int:
        """The one that the server opens with: its lowest."""
        if self.stdout:
            return channels.STDOUT
        return channels.STDERR if self.stderr and not self.tty else channels.ERROR


@dataclass(slots=True)
class Task:
    """What the client is connected to.

    Attributes:
        argv: For what is said at the end.
        feed: Into it, if the client may write.
        outputs: Each channel that it writes on, with what reads the next piece.
        ended: Waits for the end, and returns the exit code.
        resize: Takes width and height, if it is a terminal.
        leave: Called when the client is gone, or served; takes whether to kill it.
    """

    argv: Sequence[str]
    feed: stdio.Feed | None
    outputs: dict[int, Callable[[], Awaitable[bytes]]]
    ended: Callable[[], Awaitable[int]]
    resize: Callable[[int, int], None] | None
    leave: Callable[[bool], None]


class Gone(Exception):
    """The client is not there any more; `orderly` if it took its leave."""

    def __init__(self, *, orderly: bool) -> None:
        super().__init__()
        self.orderly = orderly


class Command:
    """Joins a client and a task until one of them ends."""

    def __init__(
        self, connection: Connection, protocol: Protocol, dialect: Dialect
    ) -> None:
        self._connection = connection
        self._protocol = protocol
        self._dialect = dialect
        self._reader = FrameReader()
        self._stdin_open = True

    @property
    def _by_kubelet(self) -> bool:
        return self._protocol is channels.V5

    async def run(self, wanted: Wanted, start: Callable[[], Awaitable[Task]]) -> None:
        """Start the task, and serve the client to the end."""
        first = self._protocol.encode(wanted.first_channel, b"")
        await self._connection.send(first)
        try:
            task = await start()
        except StartFailed as error:
            kubelet = self._by_kubelet
            status = statuses.not_started(str(error), self._dialect, by_kubelet=kubelet)
            self._finish(status)
            return
        await self._join(task)

    async def _join(self, task: Task) -> None:
        gone: Gone | None = None
        done = False

        async def listen() -> None:
            nonlocal gone
            try:
                await self._listen(task)
            except Gone as error:
                gone = error
            tasks.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(listen)
                tasks.start_soon(self._free_when_lost, task)
                code = await self._forward(task)
                if task.feed and task.feed.blocked:
                    # What the client sent fills all there is between it and a process
                    # that does not read, now or ever: the status is never sent.
                    await anyio.sleep_forever()
                status = statuses.ended(code, task.argv, by_kubelet=self._by_kubelet)
                self._finish(status)
                done = True
                tasks.cancel_scope.cancel()
        finally:
            self._connection.close()
            task.leave(not done and self._kills(gone))

    async def _free_when_lost(self, task: Task) -> None:
        """Let the listener get to the end of what a lost client sent."""
        await self._connection.lost.wait()
        if task.feed:
            task.feed.unblock()

    def _kills(self, gone: Gone | None) -> bool:
        """Whether a process is killed when its client is gone without a word."""
        orderly = gone is not None and gone.orderly
        return self._dialect.modern and not self._by_kubelet and not orderly

    async def _forward(self, task: Task) -> int:
        """Send all output, then return the exit code."""
        async with anyio.create_task_group() as tasks:
            for channel, read in task.outputs.items():
                tasks.start_soon(self._send_output, channel, read)
        return await task.ended()

    async def _send_output(
        self, channel: int, read: Callable[[], Awaitable[bytes]]
    ) -> None:
        while data := await read():
            await self._connection.send(self._protocol.encode(channel, data))

    def _finish(self, status: bytes) -> None:
        if self._protocol.status:
            self._connection.write(self._protocol.encode(channels.ERROR, status))
        self._connection.write(close_frame(1000))
        self._connection.close()

    async def _listen(self, task: Task) -> None:
        """Do what the client says, until it goes.

        Raises:
            Gone: When it has.
        """
        while True:
            await self._obey(await self._next_frame(), task)

    async def _next_frame(self) -> Frame:
        while True:
            try:
                received = self._reader.next()
            except Unmasked:
                self._connection.write(close_frame(1002) + close_frame(1000))
                raise Gone(orderly=True) from None
            except TooLarge:
                if not self._dialect.modern or self._by_kubelet:
                    self._connection.write(close_frame(1000))
                raise Gone(orderly=True) from None
            if received is not None:
                return received
            await self._receive()

    async def _receive(self) -> None:
        try:
            data = await self._connection.receive()
        except ConnectionResetError:
            raise Gone(orderly=False) from None
        if not data:
            raise Gone(orderly=False)
        self._reader.feed(data)

    async def _obey(self, received: Frame, task: Task) -> None:
        if received.opcode == Opcode.CLOSE:
            self._connection.write(close_frame(1000))
            raise Gone(orderly=True)
        if received.opcode == Opcode.PING:
            await self._connection.send(frame(Opcode.PONG, received.payload))
        elif received.opcode != Opcode.PONG:
            await self._take(self._protocol.decode(received.payload), task)

    async def _take(
        self, meaning: Data | CloseChannel | Broken | None, task: Task
    ) -> None:
        match meaning:
            case Data(channels.STDIN, data) if task.feed and self._stdin_open:
                await task.feed.put(data)
            case Data(channels.RESIZE, data) if task.resize:
                resize(task.resize, data)
            case CloseChannel(channels.STDIN) if task.feed:
                self._stdin_open = False
                task.feed.end()
            case Broken():
                self._connection.write(close_frame(1000))
                raise Gone(orderly=True)
            case _:
                pass  # a channel that nobody listens to


def resize(apply: Callable[[int, int], None], data: bytes) -> None:
    """Resize a terminal as a message of the client says, if it says anything."""
    try:
        size = json.loads(data)
        apply(int(size["Width"]), int(size["Height"]))
    except (ValueError, KeyError, TypeError, OSError):
        return  # as a server does that cannot make sense of it

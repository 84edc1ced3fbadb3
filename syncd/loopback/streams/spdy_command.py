"""Exec and attach over SPDY, for clients that know nothing newer."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing

import anyio

from syncd.loopback.dialect import Dialect
from syncd.loopback.runtime.client import StartFailed
from syncd.loopback.streams import channels, statuses
from syncd.loopback.streams.command import Task, Wanted, resize
from syncd.loopback.streams.session import Session
from syncd.loopback.streams.spdy import Event, Opened, Received


_OPENING_S = 30.0
_CHANNELS = {
    "stdin": channels.STDIN,
    "stdout": channels.STDOUT,
    "stderr": channels.STDERR,
    "error": channels.ERROR,
    "resize": channels.RESIZE,
}


class SpdyCommand:
    """Joins a client, with a stream for each channel, and a task."""

    def __init__(self, session: Session, dialect: Dialect) -> None:
        self._session = session
        self._dialect = dialect
        self._streams: dict[int, int] = {}

    async def run(self, wanted: Wanted, start: Callable[[], Awaitable[Task]]) -> None:
        """Start the task once all streams are there, and serve the client."""
        async with aclosing(self._session.events()) as events:
            with anyio.move_on_after(_OPENING_S):
                await self._open(wanted, events)
            if len(self._streams) < len(_expected(wanted)):
                self._session.close()
                return
            try:
                task = await start()
            except StartFailed as error:
                why = str(error)
                self._finish(statuses.not_started(why, self._dialect, by_kubelet=False))
                return
            await self._join(task, events)

    async def _open(self, wanted: Wanted, events: AsyncIterator[Event]) -> None:
        missing = _expected(wanted)
        while missing:
            event = await anext(events, None)
            if event is None:
                return
            if isinstance(event, Opened):
                channel = _CHANNELS.get(event.headers.get("streamtype", ""), -1)
                self._streams[channel] = event.stream
                self._session.accept(event.stream)
                missing.discard(channel)

    async def _join(self, task: Task, events: AsyncIterator[Event]) -> None:
        async with anyio.create_task_group() as tasks:

            async def listen() -> None:
                async for event in events:
                    await self._take(event, task)
                tasks.cancel_scope.cancel()

            try:
                tasks.start_soon(listen)
                code = await self._forward(task)
                if task.feed and task.feed.blocked:
                    await anyio.sleep_forever()
                self._finish(statuses.ended(code, task.argv, by_kubelet=False))
            finally:
                task.leave(False)  # noqa: FBT003 -- not killed
            tasks.cancel_scope.cancel()

    async def _take(self, event: Event, task: Task) -> None:
        if not isinstance(event, Received):
            return
        if event.stream == self._streams.get(channels.STDIN) and task.feed:
            await task.feed.put(event.data)
            if event.last:
                task.feed.end()
        elif event.stream == self._streams.get(channels.RESIZE) and task.resize:
            for line in event.data.splitlines():
                resize(task.resize, line)

    async def _forward(self, task: Task) -> int:
        async with anyio.create_task_group() as tasks:
            for channel, read in task.outputs.items():
                tasks.start_soon(self._send_output, self._streams[channel], read)
        return await task.ended()

    async def _send_output(
        self, stream: int, read: Callable[[], Awaitable[bytes]]
    ) -> None:
        while data := await read():
            await self._session.send(stream, data)

    def _finish(self, status: bytes) -> None:
        for channel in (channels.STDOUT, channels.STDERR):
            if channel in self._streams:
                self._session.end(self._streams[channel])
        self._session.end(self._streams[channels.ERROR], status)
        self._session.close()


def _expected(wanted: Wanted) -> set[int]:
    every = {
        channels.STDIN: wanted.stdin,
        channels.STDOUT: wanted.stdout,
        channels.STDERR: wanted.stderr and not wanted.tty,
        channels.ERROR: True,
        channels.RESIZE: wanted.tty,
    }
    return {channel for channel, asked in every.items() if asked}

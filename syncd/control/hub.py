"""Events to whoever listens at the control socket, beside where they go anyway."""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from syncd import events
from syncd.events import Emit, Event


KEPT = 2048  # events that a reader may be behind


class Hub:
    """An `Emit` that others can listen to.

    A reader that is too far behind is dropped: it must not cost the daemon its memory,
    nor wait for it.

    Args:
        inner: Where events go first.
        kept: How many events a reader may be behind.
    """

    def __init__(self, inner: Emit, *, kept: int = KEPT) -> None:
        self._inner = inner
        self._kept = kept
        self._listeners: list[Callable[[Event], None]] = []
        self._readers: dict[str, MemoryObjectSendStream[dict[str, object]]] = {}

    def __call__(self, event: Event) -> None:
        """Report `event`, then let everyone else have it."""
        self._inner(event)
        for listener in self._listeners:
            listener(event)
        if self._readers:
            record = events.as_record(event, dt.datetime.now(dt.UTC))
            for reader, send in [*self._readers.items()]:
                try:
                    send.send_nowait(record)
                except anyio.WouldBlock:
                    self.drop(reader)

    def listen(self, listener: Callable[[Event], None]) -> None:
        """Have `listener` called with every event from now on."""
        self._listeners.append(listener)

    @property
    def readers(self) -> int:
        """How many readers there are."""
        return len(self._readers)

    @contextlib.contextmanager
    def reading(
        self, reader: str
    ) -> Iterator[MemoryObjectReceiveStream[dict[str, object]]]:
        """Give the records of all events from now on, while the block lasts.

        They end early for a reader that is too far behind.

        Args:
            reader: Who it is, for people; nobody else may have this name.
        """
        send, receive = anyio.create_memory_object_stream[dict[str, object]](self._kept)
        self._readers[reader] = send
        try:
            with send, receive:
                yield receive
        finally:
            self._readers.pop(reader, None)

    def drop(self, reader: str) -> None:
        """Let a reader have no more, and tell."""
        send = self._readers.pop(reader, None)
        if send is not None:
            behind = send.statistics().current_buffer_used
            send.close()
            self(events.ReaderDropped(reader=reader, behind=behind))

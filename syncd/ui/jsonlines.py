"""One JSON object per event and line: the facts, for programs."""

import json
from types import TracebackType
from typing import Self, TextIO

from syncd.events import Event, as_record
from syncd.ui.output import Clock, local_now


class JsonLines:
    """Writes every event, `debug` included: to leave some out is the reader's part.

    Args:
        stream: Where to; flushed after every line.
        clock: Gives the time of an event.
    """

    def __init__(self, stream: TextIO, *, clock: Clock = local_now) -> None:
        self._stream = stream
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        pass

    def __call__(self, event: Event) -> None:
        """Report `event`."""
        self._stream.write(
            f"{json.dumps(as_record(event, self._clock()), default=str)}\n"
        )
        self._stream.flush()

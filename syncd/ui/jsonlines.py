"""One JSON object per event and line: the facts, for programs."""

import datetime as dt
from types import TracebackType
from typing import Self, TextIO

import structlog

from syncd.events import Event, as_record
from syncd.ui.output import Clock


def utc_now() -> dt.datetime:
    """Return the wall-clock time, in UTC."""
    return dt.datetime.now(dt.UTC)


class JsonLines:
    """Writes every event, `debug` included: to leave some out is the reader's part.

    Args:
        stream: Where to; flushed after every line.
        clock: Gives the wall-clock time of an event.
    """

    def __init__(self, stream: TextIO, *, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
            structlog.PrintLogger(stream),
            processors=[
                _in_order,
                structlog.processors.JSONRenderer(default=str),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(0),
        )

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
        fields = as_record(event, self._clock())
        self._logger.info(str(fields.pop("event")), **fields)


def _in_order(
    _: object, __: str, fields: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Put first what every line has."""
    head = {key: fields.pop(key) for key in ("event", "ts", "level")}
    return {**head, **fields}

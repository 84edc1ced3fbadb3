"""What every form of output has in common: events in, text on a stream out."""

import datetime as dt
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from syncd.errors import ConfigError
from syncd.events import Event, Level


Clock = Callable[[], dt.datetime]

_RANKS: dict[Level, int] = {"debug": 0, "info": 1, "warning": 2, "error": 3}


class Output(Protocol):
    """Somewhere to report to: an `Emit` that is opened and closed."""

    def __call__(self, event: Event) -> None:
        """Report `event`."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End, and leave the stream as it was found."""


def local_now() -> dt.datetime:
    """Return the time of the day where the reader is."""
    return dt.datetime.now().astimezone()


def least_level(*, verbose: bool, quiet: bool) -> Level:
    """Return the level from which lines are shown."""
    if verbose:
        return "debug"
    return "warning" if quiet else "info"


def matters(level: Level, least: Level) -> bool:
    """Tell whether a line of `level` is shown where `least` is the least shown."""
    return _RANKS[level] >= _RANKS[least]


class UntilGone:
    """An output whose reader may go away, as that of `syncd watch | head` does.

    Then nothing is written any more, `stop` is called once, and leaving raises what
    went wrong, BrokenPipeError as a rule; nobody who reports an event has to know.

    Args:
        inner: Where events go.
        stop: Asks for the end of what reports them.
    """

    def __init__(self, inner: Output, stop: Callable[[], None]) -> None:
        self._inner = inner
        self._stop = stop
        self._failure: Exception | None = None

    def __enter__(self) -> Self:
        try:
            self._inner.__enter__()
        except OSError as failure:
            raise _told(failure) from failure
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._failure is None:
            try:
                self._inner.__exit__(kind, error, traceback)
            except OSError as failure:
                self._failure = _told(failure)
        if self._failure is not None and kind is None:
            raise self._failure

    def __call__(self, event: Event) -> None:
        """Report `event`, or drop it."""
        if self._failure is not None:
            return
        try:
            self._inner(event)
        except Exception as failure:  # noqa: BLE001  # raised by whoever leaves
            self._failure = _told(failure)
            self._stop()


def _told(failure: Exception) -> Exception:
    if isinstance(failure, OSError) and not isinstance(failure, BrokenPipeError):
        return ConfigError(
            f"standard output cannot be written: {failure.strerror}",
            hint="send it somewhere else",
        )
    return failure

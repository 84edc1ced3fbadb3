"""What every form of output has in common: events in, text on a stream out."""

import datetime as dt
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

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

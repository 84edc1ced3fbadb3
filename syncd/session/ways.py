"""What a session needs of the world around it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from syncd.cluster import LogLine, Probe
from syncd.reload import PATTERNS, Pattern
from syncd.session.link import Link


class Log(Protocol):
    """A container's log, in lines; no line comes twice.

    Both raise `TransportError` when the wire broke, and may then be called again.
    """

    def history(self) -> AsyncGenerator[LogLine, None]:
        """Yield the last lines that there are."""
        ...

    def follow(self) -> AsyncGenerator[LogLine, None]:
        """Yield what comes after the lines that were read, until the container ends."""
        ...


def _nothing() -> None:
    """Be what is called where nobody wants to know, or nothing is known."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How one container is reached, and who wants to know of it.

    Attributes:
        dial: Opens a link into it; raises `TransportError` or `TargetError`.
        log: Returns its log, unread.
        patterns: What the log is read for.
        probe: Returns its readiness probe, if it has one.
        doubt: Called when the container is not as it was said to be.
        notice: Called when the session's `in_step` or `answered` changed.
        landed: Called when something that was owed has landed, or has run.
    """

    dial: Callable[[], AbstractAsyncContextManager[Link]]
    log: Callable[[], Log] | None = None
    patterns: tuple[Pattern, ...] = PATTERNS
    probe: Callable[[], Probe | None] = _nothing
    doubt: Callable[[], None] = _nothing
    notice: Callable[[], None] = _nothing
    landed: Callable[[], None] = _nothing

"""What a session needs of the world around it."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from syncd.session.link import Link


Log = Callable[[], AsyncGenerator[bytes, None]]


def _nothing() -> None:
    """Be what is called where nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Ways:
    """How one container is reached, and who wants to know of it.

    Attributes:
        dial: Opens a link into it; raises `TransportError` or `TargetError`.
        log: Opens its log: what there is, and then what comes.
        doubt: Called when the container is not as it was said to be.
        notice: Called when the session's `in_step` or `answered` changed.
    """

    dial: Callable[[], AbstractAsyncContextManager[Link]]
    log: Log | None = None
    doubt: Callable[[], None] = _nothing
    notice: Callable[[], None] = _nothing

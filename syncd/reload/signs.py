"""What a line of a log can mean."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Armed:
    """The server reloads by itself."""

    server: str


@dataclass(frozen=True, slots=True)
class Began:
    """The server saw a change, and starts over."""

    server: str


@dataclass(frozen=True, slots=True)
class Holds:
    """The old process does not end yet: requests are under way."""

    server: str


@dataclass(frozen=True, slots=True)
class Anew:
    """There is a new process; it may not serve yet."""

    server: str


@dataclass(frozen=True, slots=True)
class Serving:
    """The server serves, for the first time or again."""

    server: str


@dataclass(frozen=True, slots=True)
class Broke:
    """There was a traceback, and not of a request: the new code may not start.

    Attributes:
        error: The traceback's last line: what is wrong.
        file: Where, as far as the traceback says; "" if it does not.
        line: The number of the line; 0 if it does not say.
        tail: The traceback's last lines.
    """

    error: str
    file: str
    line: int
    tail: tuple[str, ...]


Sign = Armed | Began | Holds | Anew | Serving | Broke

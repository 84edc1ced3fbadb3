"""What can become of a batch in the program that it is for."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.reload import Broke


Place = tuple[int, bytes]
"""The index of a sync root, and a path in it."""


@dataclass(frozen=True, slots=True)
class Reloaded:
    """The program serves a batch's code."""

    batch: int
    reloaded_ms: float
    steps: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NoReload:
    """A batch has nothing in it that the program reloads for."""

    batch: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The program does not start with the code of these batches."""

    batches: tuple[int, ...]
    broke: Broke


@dataclass(frozen=True, slots=True)
class Hangs:
    """A reload began and does not end.

    Attributes:
        started: There is a new process already: it is not the old one that hangs.
    """

    batches: tuple[int, ...]
    server: str
    started: bool = False


@dataclass(frozen=True, slots=True)
class Missed:
    """No reload began, though this server reloads by itself."""

    batch: int
    place: Place


@dataclass(frozen=True, slots=True)
class Unwatched:
    """Nor did one begin when the file was touched: the program does not use it."""

    batch: int
    place: Place


@dataclass(frozen=True, slots=True)
class Unseen:
    """A reload began, and this server does not say when it serves."""

    batches: tuple[int, ...]
    server: str


Verdict = Reloaded | NoReload | Failed | Hangs | Missed | Unwatched | Unseen

"""What happens to syncd as a whole."""

from dataclasses import dataclass

from syncd.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Started(Event):
    """syncd reached the cluster and begins."""

    name = "syncd.started"
    version: str
    project: str
    context: str
    server: str
    targets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class InStep(Event):
    """Every replica of every target holds what the local folders hold."""

    name = "syncd.in_step"
    replicas: int
    since_start_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped(Event):
    """syncd ends; nothing more is sent."""

    name = "syncd.stopped"
    reason: str
    batches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderDropped(Event):
    """A reader of events at the control socket was too slow, and gets no more.

    Attributes:
        behind: How many events it was behind.
    """

    name = "control.reader_dropped"
    level = "warning"
    reader: str
    behind: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputBehind(Event):
    """Standard output was not read for so long that events were left out of it.

    Attributes:
        missed: How many.
    """

    name = "output.behind"
    level = "warning"
    missed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(Event):
    """Something a person must act on; `hint` says what to do."""

    name = "error"
    level = "error"
    message: str
    hint: str = ""

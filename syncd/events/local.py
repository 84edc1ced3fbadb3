"""What happens to the local folders."""

from dataclasses import dataclass

from syncd.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderScanned(Event):
    """The first snapshot of a local folder is taken."""

    name = "folder.scanned"
    root: str
    files: int
    folders: int
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStarted(Event):
    """A local folder is watched."""

    name = "watch.started"
    level = "debug"
    root: str
    folders: int
    backend: str
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchDegraded(Event):
    """The folder is watched in a slower way; `hint` mends it."""

    name = "watch.degraded"
    level = "warning"
    root: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchOverflowed(Event):
    """The system dropped events; the whole folder is looked at again."""

    name = "watch.overflowed"
    level = "warning"
    root: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RootLost(Event):
    """The local folder is gone. Nothing is deleted anywhere because of it."""

    name = "watch.root_lost"
    level = "error"
    root: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RootFound(Event):
    """The local folder is back and is being scanned."""

    name = "watch.root_found"
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSkipped(Event):
    """A local path cannot be sent: unreadable, a socket, a name too long."""

    name = "path.skipped"
    level = "warning"
    root: str
    path: bytes
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretsWithheld(Event):
    """Files that look like secrets stay here until a rule lists them."""

    name = "secrets.withheld"
    root: str
    paths: tuple[bytes, ...]
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StateUnwritten(Event):
    """What syncd keeps for its next run could not be written; this run goes on.

    Attributes:
        path: The file.
    """

    name = "state.unwritten"
    level = "warning"
    path: str
    reason: str
    hint: str

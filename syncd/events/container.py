"""What happens in one container."""

from dataclasses import dataclass

from syncd.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionConnected(Event):
    """The stream into a container is open and its agent answers."""

    name = "session.connected"
    target: str
    pod: str
    container: str
    via: str
    protocol: str
    user: str
    round_trip_ms: float
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimited(Event):
    """What cannot be promised in this container, and why."""

    name = "session.limited"
    level = "warning"
    target: str
    pod: str
    container: str
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionReconciled(Event):
    """The container was compared with the local tree and made equal to it."""

    name = "session.reconciled"
    target: str
    pod: str
    container: str
    files: int
    deleted: int
    bytes: int
    kept: int
    failed: int
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLost(Event):
    """The stream broke. What it carried is in doubt and will be compared again."""

    name = "session.lost"
    level = "warning"
    target: str
    pod: str
    container: str
    reason: str
    retry_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionRefused(Event):
    """The container cannot be synced as it is; `hint` says what to change."""

    name = "session.refused"
    level = "error"
    target: str
    pod: str
    container: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerRestarted(Event):
    """The container was started anew in its Pod: it is as its image has it.

    Attributes:
        restarts: How often, since there is the Pod.
    """

    name = "container.restarted"
    level = "debug"
    target: str
    pod: str
    container: str
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEnded(Event):
    """The container is no longer a replica, and its stream is being closed."""

    name = "session.ended"
    target: str
    pod: str
    container: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathFailed(Event):
    """One path could not be made equal; the rest of its batch landed."""

    name = "path.failed"
    level = "error"
    target: str
    pod: str
    container: str
    path: bytes
    code: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathNoted(Event):
    """A path landed in a lesser way: written in place, or its mode was refused."""

    name = "path.noted"
    target: str
    pod: str
    container: str
    path: bytes
    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PathsKept(Event):
    """What only the container has, and syncd neither made nor found equal."""

    name = "path.kept"
    target: str
    pod: str
    container: str
    paths: tuple[bytes, ...]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HookRan(Event):
    """A `run` or `restart` rule was carried out in a container."""

    name = "hook.ran"
    target: str
    pod: str
    container: str
    action: str
    command: str
    code: int | None
    output: str
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HookDropped(Event):
    """A `run` or `restart` rule is not carried out any more, until an edit asks for it.

    Attributes:
        reason: What it did whenever it was tried.
    """

    name = "hook.dropped"
    level = "error"
    target: str
    pod: str
    container: str
    action: str
    command: str
    reason: str
    hint: str

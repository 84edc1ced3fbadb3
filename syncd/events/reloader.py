"""The warm reloader: put before a program, and taken away again."""

from dataclasses import dataclass

from syncd.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloaderAdvised(Event):
    """The program restarts for each edit, and would be much faster under the reloader.

    Said once for a target.

    Attributes:
        server: What restarts it now.
    """

    name = "reloader.advised"
    target: str
    server: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloaderInjected(Event):
    """The workload was changed: its new Pods run the program under the reloader.

    Attributes:
        command: What runs under it.
        took_ms: Until the rollout was complete.
    """

    name = "reloader.injected"
    target: str
    container: str
    command: tuple[str, ...]
    took_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloaderRefused(Event):
    """The reloader could not be put before the program; the workload is as it was."""

    name = "reloader.refused"
    level = "error"
    target: str
    reason: str
    hint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloaderRestored(Event):
    """The workload is again as it was before the reloader was put into it.

    Attributes:
        took_ms: Until the rollout was complete.
    """

    name = "reloader.restored"
    target: str
    container: str
    took_ms: float

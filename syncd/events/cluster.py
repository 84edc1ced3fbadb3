"""What happens in the cluster."""

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiLost(Event):
    """The API server stopped answering; syncd keeps trying."""

    name = "api.lost"
    level = "warning"
    server: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiBack(Event):
    """The API server answers again."""

    name = "api.back"
    server: str
    away_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetChanged(Event):
    """Which containers are replicas of the target, and why others are not.

    Attributes:
        replicas: `pod/container` of each.
        skipped: Pod name to reason.
        note: What stands above the Pods, such as a workload that does not exist.
    """

    name = "target.changed"
    target: str
    replicas: tuple[str, ...]
    skipped: Mapping[str, str]
    note: str = ""

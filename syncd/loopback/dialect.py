"""Which Kubernetes the embedded cluster behaves like, and how fast its node is."""

from dataclasses import dataclass, field
from enum import Enum


class Dialect(Enum):
    """A version of Kubernetes whose behaviour was recorded."""

    V1_20 = "v1.20.2"
    V1_36 = "v1.36.2"

    @property
    def git_version(self) -> str:
        """What `/version` says: real to a parser, and plainly not the real thing."""
        return f"{self.value}+syncd"

    @property
    def minor(self) -> int:
        """The minor version as a number."""
        return int(self.value.split(".")[1])

    @property
    def modern(self) -> bool:
        """True for the dialect that has what came between 1.21 and 1.36."""
        return self is Dialect.V1_36


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a node takes over things; the order of events never depends on it.

    Attributes:
        crash_backoff_s: Wait before the second restart of a container; it doubles.
        crash_backoff_cap_s: Where the doubling ends.
        pull_backoff_s: Wait after an image could not be pulled; it doubles too.
        sandbox_s: From bound to the first container being created.
        removal_s: From the last container's end to the Pod's object being deleted,
            by dialect.
    """

    crash_backoff_s: float = 10.0
    crash_backoff_cap_s: float = 300.0
    pull_backoff_s: float = 10.0
    sandbox_s: float = 0.3
    removal_s: dict[Dialect, float] = field(
        default_factory=lambda: {Dialect.V1_20: 8.0, Dialect.V1_36: 0.6}
    )


REAL = Pace()
QUICK = Pace(
    crash_backoff_s=0.4,
    crash_backoff_cap_s=2.0,
    pull_backoff_s=0.4,
    sandbox_s=0.02,
    removal_s={Dialect.V1_20: 0.3, Dialect.V1_36: 0.1},
)

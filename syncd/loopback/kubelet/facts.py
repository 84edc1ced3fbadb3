"""What a kubelet knows of a Pod and its containers: values, from which the status is made."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Waiting:
    """A container does not run yet, or not again yet."""

    reason: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A container runs."""

    started_at: str


@dataclass(frozen=True, slots=True)
class Terminated:
    """A run of a container is over."""

    exit_code: int
    reason: str
    started_at: str
    finished_at: str
    container_id: str
    message: str = ""


State = Waiting | Running | Terminated


@dataclass(frozen=True, slots=True)
class ContainerFacts:
    """What is known of one container.

    Attributes:
        spec: Its entry in the Pod's spec.
        state: Now.
        last: The run before, if it was restarted.
        restarts: How often.
        ready: As its readiness probe says.
        started: As its startup probe says.
        image_id: Of the image, once that was pulled.
        container_id: Of the run now, or the last one.
        groups: Its own group and the supplementary ones.
        user: Who it runs as, once it ran.
    """

    spec: Mapping[str, Any]
    state: State
    last: Terminated | None = None
    restarts: int = 0
    ready: bool = False
    started: bool = False
    image_id: str = ""
    container_id: str = ""
    groups: Sequence[int] = ()
    user: int | None = None

    @property
    def name(self) -> str:
        """The container's name."""
        return str(self.spec["name"])

    @property
    def succeeded(self) -> bool:
        """Whether it ended, and well."""
        return isinstance(self.state, Terminated) and self.state.exit_code == 0


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What is known of a Pod.

    Attributes:
        pod: The object.
        host_ip: The node's address.
        pod_ip: The Pod's.
        started_at: When the node took it.
        sandbox: Whether what its containers share is there.
        leaving: Whether it was told to stop.
        over: Whether a Pod that has ended is known to have.
        init: Its init containers, in order.
        containers: Its containers, in order.
    """

    pod: Mapping[str, Any]
    host_ip: str
    pod_ip: str
    started_at: str
    init: Sequence[ContainerFacts]
    containers: Sequence[ContainerFacts]
    sandbox: bool = False
    leaving: bool = False
    over: bool = False


def now() -> str:
    """The time, as Kubernetes writes it."""
    return dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def ended(facts: ContainerFacts, end: Terminated) -> ContainerFacts:
    """Return `facts` after a run ended as `end` says."""
    return replace(facts, state=end, ready=False, started=False)

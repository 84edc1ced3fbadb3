"""What all that is done for one Pod has in common."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from syncd.loopback.dialect import Dialect, Pace
from syncd.loopback.kubelet.environment import Lookup
from syncd.loopback.kubelet.images import ImageStore
from syncd.loopback.runtime.client import Runtime


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a Pod gets from its node.

    Attributes:
        runtime: Starts processes.
        images: Has images.
        folder: The node's.
        dialect: Of the cluster.
        pace: How long things take.
        lookup: Finds ConfigMaps and Secrets.
        host_ip: The node's address.
        event: Takes uid, type, reason, message and container of what happens.
    """

    runtime: Runtime
    images: ImageStore
    folder: Path
    dialect: Dialect
    pace: Pace
    lookup: Lookup
    host_ip: str
    event: Callable[[str, str, str, str, str | None], None]


@dataclass(slots=True)
class Ward:
    """One Pod on its node.

    Attributes:
        pod: The object.
        address: The Pod's.
        node: What it is on.
        volumes: Its volumes' folders, once they are there.
        stopping: Set when it is to end.
    """

    pod: Mapping[str, Any]
    address: str
    node: Surroundings
    volumes: Mapping[str, Path] = field(default_factory=dict)
    stopping: anyio.Event = field(default_factory=anyio.Event)

    @property
    def uid(self) -> str:
        """The Pod's."""
        return str(self.pod["metadata"]["uid"])

    @property
    def folder(self) -> Path:
        """Has all that goes with the Pod."""
        return self.node.folder / "pods" / self.uid

    async def pause(self, seconds: float) -> None:
        """Sleep, unless the Pod is to end."""
        with anyio.move_on_after(seconds):
            await self.stopping.wait()

    def say(
        self, kind: str, reason: str, message: str, container: str | None = None
    ) -> None:
        """Tell what a kubelet makes an Event of."""
        self.node.event(self.uid, kind, reason, message, container)

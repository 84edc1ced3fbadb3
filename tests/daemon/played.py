"""Sessions that are played, for those who wait for them."""

from dataclasses import dataclass, field
from typing import Any

import anyio

from syncd.cluster import View
from syncd.cluster.pods import Skipped
from syncd.daemon.pulse import Pulse


class Played:
    """A session that was told of so many changes, and holds so many."""

    error = None
    failing = 0
    dropped = ""
    idle = True
    who = "container app of Pod web-0"

    def __init__(self, noted: int, landed: int) -> None:
        self.noted, self.landed = noted, landed
        self.in_step = anyio.Event()
        self.in_step.set()

    def holds(self, noted: int) -> bool:
        return self.landed >= noted


@dataclass
class Fleet:
    sessions: tuple[Played, ...]
    pulse: Pulse = field(default_factory=Pulse)
    view: View = field(
        default_factory=lambda: View((), (Skipped("web-0", "is being started"),))
    )
    target: str = "deployment/web"

    async def until(self, satisfied: Any) -> None:
        await self.pulse.until(lambda: satisfied(self.sessions))


@dataclass
class Live:
    fleet: Fleet
    rebuilding: None = None
    commands_s: float = 0.0


@dataclass
class Folders:
    certain: bool = True
    looked: anyio.Event = field(default_factory=anyio.Event)

    async def look(self) -> None:
        self.looked.set()

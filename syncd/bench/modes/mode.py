"""What the measuring asks of every mode."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from syncd.bench.edits import Edit
from syncd.bench.look import Endpoint


_GAP_S = 0.25


@dataclass(frozen=True, slots=True)
class Account:
    """What a mode tells of an edit, be it served or not.

    Attributes:
        ends: When the steps ended that it knows of, monotonic.
    """

    ends: Mapping[str, float] = field(default_factory=dict)
    batch: int | None = None
    sent_bytes: int | None = None
    cpu_s: float | None = None
    agent_cpu_s: float | None = None


class Mode:
    """A way from a save to the new answer.

    Args:
        name: What people call it.
        endpoint: Where its work is served.
    """

    def __init__(self, name: str, endpoint: Endpoint) -> None:
        self.name = name
        self.endpoint = endpoint

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Be ready for edits while the block lasts."""
        yield

    async def rest(self) -> None:
        """Let what others left behind pass: an edit is about to be made."""
        await anyio.sleep(_GAP_S)

    async def lasts(self) -> None:
        """Return never, unless the mode can bring nothing any more.

        Raises:
            Ended: Then, with the reason.
        """
        await anyio.sleep_forever()

    async def push(self, edit: Edit) -> Account:
        """Bring an edit where it is served, if nobody sees to that by itself.

        It runs while the answer is looked at.

        Raises:
            SyncdError: If it cannot be brought there.
        """
        del edit
        return Account()

    async def served(self, marker: str) -> float:
        """Look until `marker` is served; return when it was, monotonic."""
        return await self.endpoint.until(marker)

    async def account(self, edit: Edit, pushed: Account) -> Account:
        """Return what is known of an edit that was served, or failed."""
        del edit
        return pushed

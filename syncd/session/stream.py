"""What carries frames: a process's stdin and stdout, and how it may fail."""

from dataclasses import dataclass
from typing import Protocol

from syncd.cluster import Exit, Output
from syncd.errors import TransportError


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a stream may be silent.

    Attributes:
        handshake_s: Until the agent greets.
        ping_s: Until it is asked for a sign of life.
        silence_s: Until it counts as lost.
        working_s: The same while the agent owes an answer: it speaks once a second
            then, so silence is never work.
    """

    handshake_s: float = 15.0
    ping_s: float = 10.0
    silence_s: float = 20.0
    working_s: float = 6.0


class Stream(Protocol):
    """What carries the frames: the stdin and stdout of a process."""

    @property
    def protocol(self) -> str:
        """What the stream speaks, for events."""
        ...

    async def send(self, data: bytes) -> None:
        """Write to stdin."""
        ...

    async def receive(self) -> Output | Exit:
        """Return what was written to stdout or stderr, or how the process ended."""
        ...


class Silent(TransportError):
    """Nothing was heard for longer than a living link is silent."""


class ProcessEnded(TransportError):
    """The process at the far end is gone.

    Attributes:
        code: What it exited with.
    """

    def __init__(self, code: int, stderr: str) -> None:
        said = stderr.strip().rpartition("\n")[2]
        super().__init__(
            f"the agent's process ended with code {code}" + f": {said}" * bool(said)
        )
        self.code = code

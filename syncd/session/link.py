"""The way into a container, as a session needs it.

There are two: a warm stream to the agent, and one exec a batch to `sh` and `tar`.
Every method raises `TransportError` when the wire broke, and `TargetError` when the
container cannot do what is asked. After either, the link is to be thrown away.
"""

import enum
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from syncd.cluster import Probe
from syncd.reload import Broke
from syncd.tree import Change, Entry, Tree


@dataclass(frozen=True, slots=True)
class RootState:
    """A sync root as the container sees it."""

    path: str
    exists: bool
    is_dir: bool
    writable: bool


@dataclass(frozen=True, slots=True)
class Hello:
    """Who answered.

    Attributes:
        via: What is at the far end, such as "python 3.12.1" or "sh + busybox tar".
        protocol: The WebSocket subprotocol of the stream.
        user: Name or uid that the container runs as.
        round_trip_ms: One message there and back.
        limits: What cannot be promised here, a sentence each.
    """

    via: str
    protocol: str
    user: str
    round_trip_ms: float
    roots: tuple[RootState, ...]
    limits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """One path that could not be made equal; the rest of its batch landed."""

    path: bytes
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """One path that landed in a lesser way."""

    path: bytes
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch is handed to the wire.

    Attributes:
        size: Bytes of the tar stream.
        wire_size: Bytes that crossed, after compression.
        torn: Paths that changed while they were read, and were not sent.
        unread: Paths that could not be read here, and were not sent either.
    """

    size: int
    wire_size: int
    packed_ms: float
    sent_ms: float
    torn: tuple[bytes, ...] = ()
    unread: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Ack:
    """What the container says of a batch.

    Attributes:
        reloads: Whether the warm reloader there was told, and a `ReloadAnswer` follows.
        landed_at_s: The clock there when all had landed, in seconds since 1970; None
            where it is not told.
    """

    files: int
    deleted: int
    failures: tuple[Failure, ...] = ()
    notes: tuple[Note, ...] = ()
    reloads: bool = False
    landed_at_s: float | None = None


class Fate(enum.Enum):
    """What became of a batch at the warm reloader."""

    SERVED = "its code serves"
    FAILED = "its code does not start"
    KEPT = "nothing in it is a reason to reload"
    UNKNOWN = "the reloader has ended, or does not reload this program"


@dataclass(frozen=True, slots=True)
class ReloadAnswer:
    """What the warm reloader in the container says of a batch.

    Attributes:
        batch: Its number.
        steps: What took how many milliseconds; there if it is served.
        broke: Why it does not start; there if it failed.
    """

    batch: int
    fate: Fate
    steps: Mapping[str, float] = field(default_factory=dict)
    broke: Broke | None = None


@dataclass(frozen=True, slots=True)
class Ran:
    """A command in the container ended; `code` is None if it was killed for time."""

    code: int | None
    output: str


class Link(Protocol):
    """An open way into one container."""

    @property
    def hello(self) -> Hello:
        """Who answered when the link was opened."""
        ...

    @property
    def window(self) -> int:
        """How many batches may fly at once."""
        ...

    @property
    def asks(self) -> bool:
        """Whether `ready` can be used."""
        ...

    async def serve(self) -> None:
        """Keep the link alive and read what arrives, until it breaks."""
        ...

    async def listing(
        self, root: int, dirs: Collection[bytes], local: Tree
    ) -> Mapping[bytes, Entry]:
        """Return what the named folders of `root` hold; b"" is the root itself.

        Contents are hashed only where `local` has a file of the same size: elsewhere
        the digest is b"".
        """
        ...

    async def send(
        self, batch: int, root: int, changes: Sequence[Change], held: Tree
    ) -> Sent:
        """Hand one batch to the wire. Batches are applied in the order of calls.

        Args:
            batch: Its number; never one that was used before.
            root: Index of the sync root.
            changes: What to make equal.
            held: What the container is known to hold at some of the paths; where only
                the mode differs, the content need not travel.
        """
        ...

    async def ack(self, batch: int) -> Ack:
        """Wait until the container has said what became of `batch`."""
        ...

    async def reload_answer(self) -> ReloadAnswer:
        """Wait for what the warm reloader says next, of any batch that it was told of."""
        ...

    async def run(
        self, argv: Sequence[str], *, cwd: str | None, timeout_s: float
    ) -> Ran:
        """Run a command in the container. Batches do not wait for it."""
        ...

    async def signal(self, match: str, signal: str) -> Ran:
        """Send `signal` to the processes whose command line contains `match`."""
        ...

    async def ready(self, probe: Probe, limit_s: float) -> str:
        """Ask `probe` until it succeeds; return "", or why it did not in time.

        Batches and commands do not wait for it. Its kind is not "grpc".
        """
        ...

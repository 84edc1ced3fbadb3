"""A container in memory, and the way into it, with faults on demand."""

import enum
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from syncd.cluster import Probe
from syncd.errors import TransportError
from syncd.session import Ack, Failure, Hello, Ran, RootState, Sent
from syncd.session.link import ReloadAnswer
from syncd.session.reload_answers import ReloadAnswers
from syncd.tree import Change, Entry, Kind, Tree, above


class Fault(enum.Enum):
    """What happens to one operation on the link."""

    NONE = "none"
    CUT_BEFORE = "cut before it reached the container"
    CUT_AFTER = "cut after it took effect, before the answer"
    RESTART = "the container restarts with its image's files, and the link breaks"
    STALL = "the answer comes only after other work"
    MEDDLE = "somebody in the container removes every folder"


WIRE_FAULTS = tuple(fault for fault in Fault if fault is not Fault.MEDDLE)


@dataclass
class Container:
    """Files, and a script of faults: one is used up by each operation."""

    image: Mapping[bytes, Entry] = field(default_factory=dict)
    faults: Iterator[Fault] = field(default_factory=lambda: iter(()))
    full: bool = False
    whole: bool = False
    files: dict[bytes, Entry] = field(default_factory=dict)
    ran: list[tuple[str, ...]] = field(default_factory=list)
    places: list[str | None] = field(default_factory=list)
    begun: int = 0
    deadly: bool = False
    busy: anyio.Event | None = None
    asked: list[Probe] = field(default_factory=list)
    reasons: Iterator[str] = field(default_factory=lambda: iter(()))
    reloads: bool = False
    last: int = 0
    reload_answers: ReloadAnswers = field(default_factory=ReloadAnswers)
    dials: int = 0
    listed: list[set[bytes]] = field(default_factory=list)
    meddled: bool = False
    astray: bool = False
    unread: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.files = dict(self.image)

    def restart(self) -> None:
        self.files = dict(self.image)

    def meddle(self) -> None:
        self.meddled = True
        folders = {p for p, entry in self.files.items() if entry.kind is Kind.DIR}
        for path in [p for p in self.files if {p, *above(p)} & folders]:
            del self.files[path]

    def apply(self, changes: Sequence[Change]) -> Ack:
        failures = []
        folders = {c.path for c in changes if c.entry and c.entry.kind is Kind.DIR}
        for change in sorted(
            changes, key=lambda c: (c.entry is not None, -len(c.path))
        ):
            below = [p for p in self.files if p.startswith(change.path + b"/")]
            if change.entry is not None and change.entry.kind is Kind.DIR:
                below = []
            if change.entry and not {*above(change.path)} <= {*self.files, *folders}:
                failures.append(Failure(change.path, "missing-parent", "No folder"))
            elif self.astray and change.entry and change.entry.kind is Kind.FILE:
                failures.append(Failure(change.path, "missing", "No such file"))
            elif below and not self.whole:
                failures.append(Failure(change.path, "not-empty", "Not empty"))
            elif self.full and change.entry and change.entry.kind is Kind.FILE:
                failures.append(Failure(change.path, "disk-full", "No space left"))
            else:
                self._put(change, below)
        done = len(changes) - len(failures)
        return Ack(done, 0, tuple(failures), reloads=self.reloads)

    def _put(self, change: Change, below: Sequence[bytes]) -> None:
        for path in below:
            del self.files[path]
        if change.entry is None:
            self.files.pop(change.path, None)
        else:
            self.files[change.path] = change.entry

    @asynccontextmanager
    async def dial(self) -> AsyncIterator["MemoryLink"]:
        self.dials += 1
        await anyio.lowlevel.checkpoint()
        link = MemoryLink(self)
        if link.meet(next(self.faults, Fault.NONE)):
            raise TransportError("refused")
        yield link


@dataclass
class MemoryLink:
    """Speaks to a `Container` as a session expects of a link."""

    container: Container
    window: int = 3
    asks: bool = True
    hello: Hello = field(
        default_factory=lambda: Hello(
            via="memory",
            protocol="none",
            user="0",
            round_trip_ms=0,
            roots=(RootState("/app", exists=True, is_dir=True, writable=True),),
        )
    )
    broken: anyio.Event = field(default_factory=anyio.Event)
    _acks: dict[int, Ack] = field(default_factory=dict)
    _stalled: set[int] = field(default_factory=set)

    def meet(self, fault: Fault) -> bool:
        """Suffer `fault`; return whether the link is broken by it."""
        if fault is Fault.RESTART:
            self.container.restart()
        if fault is Fault.MEDDLE:
            self.container.meddle()
        if fault in (Fault.RESTART, Fault.CUT_BEFORE, Fault.CUT_AFTER):
            self.broken.set()
        return self.broken.is_set()

    async def serve(self) -> None:
        await self.broken.wait()
        raise TransportError("the stream broke")

    async def listing(
        self, root: int, dirs: Collection[bytes], local: Tree
    ) -> Mapping[bytes, Entry]:
        await self._suffer()
        wanted = set(dirs)
        self.container.listed.append(wanted)
        return {
            path: entry
            for path, entry in self.container.files.items()
            if path.rpartition(b"/")[0] in wanted
        }

    async def send(
        self, batch: int, root: int, changes: Sequence[Change], held: Tree
    ) -> Sent:
        believed = all(self.container.files.get(p) == held[p] for p in held)
        assert believed or self.container.meddled
        fault = next(self.container.faults, Fault.NONE)
        if fault is Fault.MEDDLE:
            self.meet(fault)
        if fault is Fault.CUT_BEFORE or self.broken.is_set():
            self.broken.set()
            raise TransportError("the stream broke")
        unread = [c for c in changes if c.path in self.container.unread]
        there = [change for change in changes if change not in unread]
        self._acks[batch] = self.container.apply(there)
        self.container.last = batch
        if fault is Fault.STALL:
            self._stalled.add(batch)
        if fault is not Fault.MEDDLE:
            self.meet(fault)
        await anyio.lowlevel.checkpoint()
        failures = (Failure(c.path, "unread", "denied") for c in unread)
        return Sent(0, 0, 0, 0, unread=tuple(failures))

    async def ack(self, batch: int) -> Ack:
        await anyio.lowlevel.checkpoint()
        if batch in self._stalled:
            for _ in range(5):
                await anyio.lowlevel.checkpoint()
            self._stalled.discard(batch)
        while any(stalled < batch for stalled in self._stalled):
            await anyio.lowlevel.checkpoint()  # answers come in the order of batches
        if self.broken.is_set():
            raise TransportError("the stream broke")
        return self._acks.pop(batch)

    async def reload_answer(self) -> ReloadAnswer:
        return await self.container.reload_answers.get()

    async def run(
        self, argv: Sequence[str], *, cwd: str | None, timeout_s: float
    ) -> Ran:
        await self._suffer()
        self.container.begun += 1
        self.container.places.append(cwd)
        if self.container.deadly:
            self.meet(Fault.RESTART)
            raise TransportError("the stream broke")
        if self.container.busy is not None:
            await self.container.busy.wait()
        self.container.ran.append(tuple(argv))
        return Ran(0, "")

    async def ready(self, probe: Probe, limit_s: float) -> str:
        await self._suffer()
        self.container.asked.append(probe)
        return next(self.container.reasons, "")

    async def signal(self, match: str, signal: str) -> Ran:
        await self._suffer()
        self.container.ran.append(("signal", signal, match))
        return Ran(0, "")

    async def _suffer(self) -> None:
        await anyio.lowlevel.checkpoint()
        if self.meet(next(self.container.faults, Fault.NONE)):
            raise TransportError("the stream broke")

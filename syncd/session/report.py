"""What a session tells about its container."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass

from syncd import events
from syncd.cluster import Probe
from syncd.errors import SyncdError
from syncd.plan import Action, Restart
from syncd.reload import Broke
from syncd.session.ledger import Ledger
from syncd.session.link import Ack, Failure, Hello, Note, Ran, Sent
from syncd.session.mark import Mark
from syncd.session.verdicts import Hangs, NoReload, Reloaded


_KEPT_NAMED = 5  # how many foreign paths an event names

TOOK_DOWN = "the container was lost twice while it ran"
TAKES_DOWN_HINT = (
    "does it need more memory than the container has? It is tried again when a file"
    " that asks for it is saved"
)
_HINTS = {
    "read-only": "sync into a writable mount (an emptyDir), or let the container's"
    " root file system be written in development",
    "permission-denied": "make the folder writable for the container's user in the"
    " image (chown), or sync elsewhere",
    "disk-full": "free space in the container, or raise its ephemeral storage",
    "busy": "what is mounted there stays as it is; list it in `ignore`",
    "not-empty": 'delete what is there, or set mode = "one-way-replica"',
}


@dataclass(frozen=True, slots=True)
class Who:
    """The container, as events name it."""

    target: str
    pod: str
    container: str

    def __str__(self) -> str:
        return f"container {self.container} of Pod {self.pod}"


@dataclass(frozen=True, slots=True)
class Report:
    """Turns what a session saw into events."""

    who: Who
    emit: events.Emit
    clock: Callable[[], float]

    def connected(self, hello: Hello, started: float) -> None:
        """Tell who answered, and what it cannot do."""
        self.emit(
            events.SessionConnected(
                **asdict(self.who),
                via=hello.via,
                protocol=hello.protocol,
                user=hello.user,
                round_trip_ms=hello.round_trip_ms,
                took_ms=self._since_ms(started),
            )
        )
        if hello.limits:
            self.emit(events.SessionLimited(**asdict(self.who), limits=hello.limits))

    def reconciled(
        self,
        deliveries: Sequence[tuple[Sent, Ack]],
        ledgers: Sequence[Ledger],
        started: float,
    ) -> None:
        """Tell what the comparison changed, and what it left alone."""
        kept = sorted(path for ledger in ledgers for path in ledger.kept)
        self.emit(
            events.SessionReconciled(
                **asdict(self.who),
                files=sum(ack.files for _, ack in deliveries),
                deleted=sum(ack.deleted for _, ack in deliveries),
                bytes=sum(sent.size for sent, _ in deliveries),
                kept=len(kept),
                failed=sum(len(ack.failures) for _, ack in deliveries),
                took_ms=self._since_ms(started),
            )
        )
        if kept:
            self.emit(
                events.PathsKept(
                    **asdict(self.who), paths=tuple(kept[:_KEPT_NAMED]), count=len(kept)
                )
            )

    def lost(self, error: SyncdError, retry_s: float) -> None:
        """Tell that the wire broke."""
        self.emit(
            events.SessionLost(**asdict(self.who), reason=str(error), retry_s=retry_s)
        )

    def refused(self, error: SyncdError) -> None:
        """Tell that the container cannot be synced as it is."""
        self.emit(
            events.SessionRefused(
                **asdict(self.who), reason=str(error), hint=error.hint
            )
        )

    def paths(self, failures: Sequence[Failure], notes: Sequence[Note]) -> None:
        """Tell of the paths that failed, or landed in a lesser way."""
        for failure in failures:
            self.emit(
                events.PathFailed(
                    **asdict(self.who),
                    path=failure.path,
                    code=failure.code,
                    reason=failure.reason,
                    hint=_HINTS.get(failure.code, ""),
                )
            )
        for note in notes:
            self.emit(
                events.PathNoted(
                    **asdict(self.who),
                    path=note.path,
                    code=note.code,
                    reason=note.reason,
                )
            )

    def sent(self, marks: Collection[Mark], sent: Sent) -> None:
        """Tell that the batches of `marks` are packed and on the wire."""
        for mark in marks:
            self.emit(
                events.BatchPacked(
                    batch=mark.number,
                    pod=self.who.pod,
                    container=self.who.container,
                    bytes=sent.size,
                    packed_ms=sent.packed_ms,
                )
            )
            self.emit(
                events.BatchSent(
                    batch=mark.number,
                    pod=self.who.pod,
                    container=self.who.container,
                    wire_bytes=sent.wire_size,
                    sent_ms=sent.sent_ms,
                )
            )

    def applied(self, marks: Collection[Mark], ack: Ack, applied_ms: float) -> None:
        """Tell that the container acknowledged the batches of `marks`."""
        for mark in marks:
            self.emit(
                events.BatchApplied(
                    batch=mark.number,
                    pod=self.who.pod,
                    container=self.who.container,
                    files=ack.files,
                    deleted=ack.deleted,
                    failed=len(ack.failures),
                    applied_ms=applied_ms,
                    total_ms=self._since_ms(mark.detected_at_s),
                )
            )

    def reloaded(self, verdict: Reloaded | NoReload) -> None:
        """Tell that the program serves a batch, or need not reload for it."""
        took = verdict if isinstance(verdict, Reloaded) else None
        self.emit(
            events.BatchReloaded(
                batch=verdict.batch,
                pod=self.who.pod,
                container=self.who.container,
                reloaded_ms=took.reloaded_ms if took else None,
                steps=took.steps if took else {},
            )
        )

    def failed(self, batches: Sequence[int], broke: Broke) -> None:
        """Tell that the program does not start with the new code."""
        self.emit(
            events.ReloadFailed(
                **asdict(self.who),
                batches=tuple(batches),
                error=broke.error,
                path=broke.file,
                line=broke.line,
                tail=broke.tail,
            )
        )

    def hangs(self, verdict: Hangs, waited_s: float, hint: str) -> None:
        """Tell that a reload began and does not end."""
        self.emit(
            events.ReloadHung(
                **asdict(self.who),
                batches=verdict.batches,
                server=verdict.server,
                waited_s=waited_s,
                hint=hint,
            )
        )

    def ready(self, batch: int, ready_ms: float | None, probe: str) -> None:
        """Tell that the container is ready with a batch; see `BatchReady`."""
        self.emit(
            events.BatchReady(
                batch=batch,
                pod=self.who.pod,
                container=self.who.container,
                ready_ms=ready_ms,
                probe=probe,
            )
        )

    def unready(
        self, batches: Sequence[int], probe: Probe, waited_s: float, reason: str
    ) -> None:
        """Tell that the program has reloaded, and is not ready."""
        self.emit(
            events.ReloadUnready(
                **asdict(self.who),
                batches=tuple(batches),
                probe=str(probe),
                waited_s=waited_s,
                reason=reason,
            )
        )

    def limited(self, limit: str) -> None:
        """Tell what cannot be promised in this container."""
        self.emit(events.SessionLimited(**asdict(self.who), limits=(limit,)))

    def ran(self, action: Action, ran: Ran, started: float) -> None:
        """Tell what became of a hook."""
        self.emit(
            events.HookRan(
                **asdict(self.who),
                action=_kind(action),
                command=str(action),
                code=ran.code,
                output=ran.output,
                took_ms=self._since_ms(started),
            )
        )

    def dropped(self, action: Action) -> None:
        """Tell that a hook is not carried out any more."""
        self.emit(
            events.HookDropped(
                **asdict(self.who),
                action=_kind(action),
                command=str(action),
                reason=TOOK_DOWN,
                hint=TAKES_DOWN_HINT,
            )
        )

    def _since_ms(self, started: float) -> float:
        return (self.clock() - started) * 1000


def _kind(action: Action) -> str:
    return "restart" if isinstance(action, Restart) else "run"

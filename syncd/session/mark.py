"""One batch of edits on its way to every replica of a target."""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field, replace
from typing import Self

from syncd.events import BatchDone, Emit


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one container made of a batch; times of its own steps."""

    size: int = 0
    failed: int = 0
    packed_ms: float = 0.0
    sent_ms: float = 0.0
    applied_ms: float = 0.0
    total_ms: float = 0.0

    def __add__(self, other: Self) -> Self:
        """Return what both come to: the later one tells when it was over."""
        return replace(
            self,
            size=self.size + other.size,
            failed=self.failed + other.failed,
            packed_ms=self.packed_ms + other.packed_ms,
            sent_ms=self.sent_ms + other.sent_ms,
            applied_ms=self.applied_ms + other.applied_ms,
            total_ms=max(self.total_ms, other.total_ms),
        )


@dataclass(slots=True, kw_only=True)
class Mark:
    """Follows a batch until every live replica has answered for it.

    Attributes:
        number: The batch's id, the same in all events.
        detected_at_s: Monotonic time of the first hint.
        waiting: Sessions that have not answered.
    """

    number: int
    target: str
    paths: tuple[bytes, ...]
    files: int
    deleted: int
    detected_at_s: float
    settled_ms: float
    scanned_ms: float
    emit: Emit
    waiting: set[Hashable] = field(default_factory=set)
    behind: int = 0
    done: bool = False
    _outcomes: list[Outcome] = field(default_factory=list)

    def expect(self, sessions: Iterable[Hashable]) -> None:
        """Wait for `sessions`; with none, the batch is done and reaches nobody yet."""
        self.waiting.update(sessions)
        self._report_when_done()

    def landed(self, session: Hashable, outcome: Outcome) -> None:
        """Record that `session` holds the batch."""
        if session in self.waiting:
            self.waiting.discard(session)
            self._outcomes.append(outcome)
            self._report_when_done()

    def left(self, session: Hashable) -> None:
        """Record that `session` lost its stream: reconciling will bring it level."""
        if session in self.waiting:
            self.waiting.discard(session)
            self.behind += 1
            self._report_when_done()

    def _report_when_done(self) -> None:
        if self.waiting or self.done:
            return
        self.done = True
        slowest = max(self._outcomes, key=lambda o: o.total_ms, default=Outcome())
        self.emit(
            BatchDone(
                batch=self.number,
                target=self.target,
                paths=self.paths,
                files=self.files,
                deleted=self.deleted,
                bytes=slowest.size,
                replicas=len(self._outcomes),
                behind=self.behind,
                failed=sum(outcome.failed for outcome in self._outcomes),
                settled_ms=self.settled_ms,
                scanned_ms=self.scanned_ms,
                packed_ms=slowest.packed_ms,
                sent_ms=slowest.sent_ms,
                applied_ms=slowest.applied_ms,
                total_ms=slowest.total_ms,
            )
        )

"""What waits for a reload of the program, and how that came out. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from syncd.reload import Broke
from syncd.session.verdicts import Failed, Place, Reloaded, Verdict


_CODE = (b".py", b".pyx", b".so")


@dataclass(frozen=True, slots=True)
class Times:
    """When a batch was applied.

    Attributes:
        sent_s: It was not before, by our clock.
        applied_s: Nor after.
        landed_at_s: By the clock of its node, in seconds since 1970; None if not told.
    """

    sent_s: float
    applied_s: float
    landed_at_s: float | None = None


@dataclass(slots=True, eq=False)
class Waiting:
    """A batch that waits for a reload.

    Attributes:
        landed_at_s: See `Times`.
        since_s: From when on a reload for it should begin.
        began_s: When the reload began that answers it, or None.
        touched: Its file was touched, to provoke one.
        told: That its reload hangs was said.
    """

    batch: int
    place: Place
    applied_s: float
    landed_at_s: float | None
    since_s: float
    began_s: float | None = None
    touched: bool = False
    told: bool = False

    def landed_after(self, at_s: float) -> bool:
        """Tell whether it is known to have landed after a time of its node, 0 for none."""
        return bool(at_s) and self.landed_at_s is not None and self.landed_at_s > at_s


@dataclass(frozen=True, slots=True)
class Outcome:
    """A process serves, or breaks.

    Attributes:
        until_s: When it is taken to be that of the last reload, if nothing else is heard.
    """

    now_s: float
    until_s: float
    broke: Broke | None

    def verdicts(self, waiting: Iterable[Waiting]) -> tuple[Verdict, ...]:
        """Return what it says of batches."""
        if self.broke is None:
            return tuple(
                Reloaded(w.batch, (self.now_s - w.applied_s) * 1000) for w in waiting
            )
        batches = tuple(each.batch for each in waiting)
        return (Failed(batches, self.broke),) if batches else ()


def code(places: Iterable[Place]) -> Place | None:
    """Return the first of `places` that is code; None if none is."""
    return next((each for each in places if each[1].endswith(_CODE)), None)

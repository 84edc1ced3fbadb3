"""From events to steps. Pure.

Each step has an end on the clock that all processes of a machine share. Steps are the
distances between ends, so they add up, whatever was heard late or not at all.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.bench.samples import STEPS, Step


Heard = Mapping[str, Any]
"""An event of the daemon: its fields, its `event` name, and `at`, when it was said."""


def split(
    saved_s: float, served_s: float | None, ends: Mapping[str, float]
) -> tuple[Step, ...]:
    """Return the steps from saved to served, or those that are known if it was not.

    Args:
        saved_s: When the last file was written.
        served_s: When the new answer was there; None if it never was.
        ends: When the steps ended that are known. What seems to end before the step
            ahead of it took no time; what seems to end after `served_s` ended there.
    """
    steps, before = [], saved_s
    for name in STEPS[:-1]:
        if name in ends:
            end = max(ends[name], before)
            end = end if served_s is None else min(end, served_s)
            steps.append(Step(name, (end - before) * 1000))
            before = end
    if served_s is not None:
        steps.append(Step(STEPS[-1], (served_s - before) * 1000))
    return tuple(steps)


@dataclass(slots=True)
class Batch:
    """One batch of the daemon, as heard of.

    Attributes:
        ends: When each step ended; where there are several replicas, in the last.
        sent_bytes: What crossed, to all of them.
        is_done: Whether every replica acknowledged it.
        is_ready: Whether it is known that the program took it.
    """

    number: int
    ends: dict[str, float] = field(default_factory=dict)
    sent_bytes: int = 0
    is_done: bool = False
    is_ready: bool = False

    def hear(self, event: Heard) -> None:
        """Take in an event of this batch."""
        at = float(event["at"])
        match event["event"]:
            case "batch.settled":
                settled = at - event["scanned_ms"] / 1000
                self.ends["detected"] = settled - event["settled_ms"] / 1000
                self.ends["settled"], self.ends["scanned"] = settled, at
            case "batch.sent":
                self.sent_bytes += event["wire_bytes"]
                self.extend("packed", at - event["sent_ms"] / 1000)
                self.extend("sent", at)
            case "batch.applied":
                self.extend("applied", at)
            case "batch.reloaded":
                if event["reloaded_ms"] is not None:
                    self.extend("reloaded", at)
            case "batch.ready":
                self.is_ready = True
                if event["ready_ms"] is not None:
                    self.extend("ready", at)
            case "batch.done":
                self.is_done = True
            case _:
                pass

    def extend(self, step: str, at: float) -> None:
        """Take that a step did not end before `at`."""
        self.ends[step] = max(self.ends.get(step, at), at)


def merged(parts: Sequence[Batch]) -> Batch | None:
    """Return the batches that carried one edit as one, by the number of the last.

    What took the watcher by surprise goes in two, and the first may be what is reloaded.
    """
    if not parts:
        return None
    whole = Batch(
        parts[-1].number,
        sent_bytes=sum(part.sent_bytes for part in parts),
        is_done=all(part.is_done for part in parts),
        is_ready=all(part.is_ready for part in parts),
    )
    for part in parts:
        for step, at in part.ends.items():
            whole.extend(step, at)
    return whole


def batches(events: Iterable[Heard]) -> list[Batch]:
    """Return the batches that `events` tell of, by number."""
    found: dict[int, Batch] = {}
    for event in events:
        if isinstance(number := event.get("batch"), int):
            found.setdefault(number, Batch(number)).hear(event)
    return [found[number] for number in sorted(found)]

"""The state of everything in one short line, folded from events. Pure."""

from dataclasses import dataclass, field
from enum import StrEnum

from syncd import events
from syncd.events import Event
from syncd.ui.text import count, safe


class State(StrEnum):
    """How far a replica is."""

    CONNECTING = "connecting"
    COMPARING = "comparing"
    IN_STEP = "in step"
    AWAY = "away"
    REFUSED = "refused"


@dataclass(slots=True)
class Status:
    """What a person wants to know at a glance.

    Attributes:
        replicas: The state of each container, by `target`, `pod/container`.
        flying: Batches that were sent off and are not acknowledged, with their words.
        rebuilding: What becomes of a target's new image, in words.
        drifted: The targets whose containers a command has taken away from their image.
        away: What syncd itself cannot reach: the API server, a local folder.
        started: Whether the cluster was reached.
    """

    replicas: dict[tuple[str, str], State] = field(default_factory=dict)
    flying: dict[tuple[int, str], str] = field(default_factory=dict)
    rebuilding: dict[str, str] = field(default_factory=dict)
    drifted: set[str] = field(default_factory=set)
    away: dict[str, str] = field(default_factory=dict)
    started: bool = False

    @property
    def busy(self) -> bool:
        """Whether something is under way that takes time."""
        states = self.replicas.values()
        waiting = not states or State.CONNECTING in states or State.COMPARING in states
        return bool(self.flying or self.rebuilding or self.away) or waiting

    @property
    def well(self) -> bool:
        """Whether every replica is in step and nothing is missing."""
        states = self.replicas.values()
        return bool(states) and not self.away and {*states} == {State.IN_STEP}

    def text(self) -> str:
        """Return the line."""
        if self.away:
            return "; ".join(self.away.values())
        if self.flying:
            return ", ".join(self.flying.values())
        if not self.started:
            return "connecting to the cluster"
        if not self.replicas:
            return "; ".join(["waiting for a container", *self.rebuilding.values()])
        replicas = f"{self._in_step()}{self._others()}"
        drifted = ["drifted from the image"] * bool(self.drifted)
        return "; ".join([replicas, *drifted, *self.rebuilding.values()])

    def _in_step(self) -> str:
        total = len(self.replicas)
        level = sum(state is State.IN_STEP for state in self.replicas.values())
        share = "" if level == total else f"{level:,} of "
        return f"{share}{count(total, 'replica')} in step"

    def _others(self) -> str:
        parts = [
            f", {number:,} {state}"
            for state in State
            if state is not State.IN_STEP
            and (number := sum(each is state for each in self.replicas.values()))
        ]
        return "".join(parts)

    def see(self, event: Event) -> None:
        """Take in `event`."""
        match event:
            case events.Started():
                self.started = True
            case events.TargetChanged():
                self._set_replicas(event)
            case events.BatchSettled():
                total = event.files + event.deleted
                words = f"batch {event.batch}: {count(total, 'path')} on the way"
                self.flying[event.batch, event.target] = words
            case events.BatchDone():
                self.flying.pop((event.batch, event.target), None)
            case events.ApiLost():
                self.away["api"] = f"no answer from {safe(event.server)}"
            case events.ApiBack():
                self.away.pop("api", None)
            case events.RootLost():
                self.away[event.root] = f"{safe(event.root)} is gone"
            case events.RootFound():
                self.away.pop(event.root, None)
            case _:
                self._see_rebuild(event)
                self._see_session(event)

    def _see_rebuild(self, event: Event) -> None:
        match event:
            case events.RebuildStarted():
                self.rebuilding[event.target] = "building an image"
            case events.RebuildProgress():
                if event.step:
                    step = f"step {event.step} of {event.steps}"
                    self.rebuilding[event.target] = f"building an image, {step}"
            case events.RebuildBuilt():
                self.rebuilding[event.target] = "delivering an image"
            case events.RebuildRolling():
                self.rebuilding[event.target] = "rolling out"
            case events.RebuildPods():
                share = f"{event.ready:,} of {count(event.wanted, 'new Pod')} ready"
                self.rebuilding[event.target] = f"rolling out, {share}"
            case events.RebuildDrifted():
                self.drifted.add(event.target)
            case events.RebuildDecided():
                self.drifted.discard(event.target)
            case (
                events.RebuildDone()
                | events.RebuildFailed()
                | events.RebuildCancelled()
            ):
                self.rebuilding.pop(event.target, None)
            case _:
                pass

    def _set_replicas(self, event: events.TargetChanged) -> None:
        there = {(event.target, name) for name in event.replicas}
        for key in [key for key in self.replicas if key[0] == event.target]:
            if key not in there:
                del self.replicas[key]
        for key in there:
            self.replicas.setdefault(key, State.CONNECTING)

    def _see_session(self, event: Event) -> None:
        match event:
            case events.SessionConnected():
                state = State.COMPARING
            case events.SessionReconciled():
                state = State.IN_STEP
            case events.SessionLost():
                state = State.AWAY
            case events.SessionRefused():
                state = State.REFUSED
            case _:
                return
        key = (event.target, f"{event.pod}/{event.container}")
        if key in self.replicas:
            self.replicas[key] = state

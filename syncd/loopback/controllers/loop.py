"""How a controller runs: woken by writes, reconciling one key at a time."""

import math
from collections.abc import Iterable
from typing import Protocol

import anyio

from syncd.loopback.store import Event, Gone, Store


Key = tuple[str, str]  # namespace, name


class Controller(Protocol):
    """Reconciles the objects of one kind.

    Both methods are synchronous, so a look and the write that follows from it are one
    step: controllers of one cluster never conflict.
    """

    def everything(self) -> Iterable[Key]:
        """The keys of all objects, for the start and after a gap in the history."""

    def keys(self, event: Event) -> Iterable[Key]:
        """The keys that a write concerns."""

    def reconcile(self, key: Key) -> float | None:
        """Make it right; return after how many seconds to look again, or None."""


async def run(store: Store, controller: Controller) -> None:
    """Run a controller until cancelled."""
    at = store.revision
    due: dict[Key, float] = dict.fromkeys(controller.everything(), 0.0)
    while True:
        now = anyio.current_time()
        for key in [key for key, when in due.items() if when <= now]:
            del due[key]
            again_s = controller.reconcile(key)
            if again_s is not None:
                due[key] = now + again_s
        with anyio.CancelScope(deadline=min(due.values(), default=math.inf)):
            await store.changed(at)
        for key in _touched(store, controller, at):
            due[key] = 0.0
        at = store.revision


def _touched(store: Store, controller: Controller, at: int) -> list[Key]:
    try:
        events = store.since(at)
    except Gone:
        return list(controller.everything())
    return [key for event in events for key in controller.keys(event)]

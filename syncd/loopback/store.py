"""Registry, one resourceVersion for all of them, and a bounded history to watch.

A stored object is never changed: every write puts a new one in its place, so what
`get` and `all` return may be kept and sent, and must not be edited. A watcher is
only a position in the history: it costs nothing while it waits, a slow one costs no
memory, and one that falls behind the history is told so, as etcd's compaction does.
"""

import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio

from syncd.loopback.catalog import Resource


Object = dict[str, Any]


class Gone(Exception):
    """The history no longer reaches back to where a watcher stands."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"history starts at {oldest}")
        self.oldest = oldest


@dataclass(frozen=True, slots=True)
class Event:
    """One write. `before` is None for a creation; `after` is the last state."""

    type: str
    revision: int
    resource: Resource
    before: Object | None
    after: Object


def now(*, after_s: float = 0) -> str:
    """The time as Kubernetes writes it, or `after_s` from then."""
    moment = datetime.now(UTC) + timedelta(seconds=after_s)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class Store:
    """The state of a cluster.

    Attributes:
        revision: The resourceVersion of the last write.
    """

    def __init__(self, *, history: int = 2000) -> None:
        self.revision = 1
        self._objects: dict[Resource, dict[tuple[str, str], Object]] = {}
        self._history: deque[Event] = deque(maxlen=history)
        self._oldest = 1
        self._changed = anyio.Event()

    def get(self, resource: Resource, namespace: str, name: str) -> Object | None:
        """The object, or None."""
        return self._objects.get(resource, {}).get((namespace, name))

    def all(self, resource: Resource, namespace: str = "") -> list[Object]:
        """All objects in order of namespace and name; all namespaces if none is named."""
        return [
            obj
            for (where, _), obj in sorted(self._objects.get(resource, {}).items())
            if not namespace or where == namespace
        ]

    def find(
        self, resource: Resource, match: Callable[[Object], bool]
    ) -> Iterator[Object]:
        """The objects that `match`, in no order."""
        return filter(match, list(self._objects.get(resource, {}).values()))

    def create(self, resource: Resource, obj: Object) -> Object:
        """Store a new object under a new uid; the caller saw that it is not there."""
        metadata = {
            **obj["metadata"],
            "uid": str(uuid.uuid4()),
            "creationTimestamp": now(),
        }
        return self._commit("ADDED", resource, {**obj, "metadata": metadata})

    def replace(self, resource: Resource, obj: Object) -> Object:
        """Store `obj` in place of its predecessor; no event if nothing changed."""
        before = self.get(resource, *_place(obj))
        if before is not None and _unversioned(before) == _unversioned(obj):
            return before
        return self._commit("MODIFIED", resource, obj)

    def delete(self, resource: Resource, obj: Object) -> Object:
        """Take the object out; watchers see its last state under a new revision."""
        return self._commit("DELETED", resource, obj)

    def since(self, revision: int) -> list[Event]:
        """The events after `revision`, oldest first.

        Raises:
            Gone: If some of them are no longer known.
        """
        if revision < self._oldest:
            raise Gone(self._oldest)
        behind = self.revision - revision
        if behind <= 0:
            return []
        # Most watchers are a few events behind a long history: walk from its end.
        newer: list[Event] = []
        for event in reversed(self._history):
            if event.revision <= revision:
                break
            newer.append(event)
        return newer[::-1]

    async def changed(self, revision: int) -> None:
        """Wait until something was written after `revision`; let others run at least."""
        if self.revision > revision:
            await anyio.lowlevel.checkpoint()
        else:
            await self._changed.wait()

    def compact(self) -> None:
        """Forget the history: only a watcher that is up to date can go on."""
        self._history.clear()
        self._oldest = self.revision

    @property
    def oldest(self) -> int:
        """The first revision that a watch can start from."""
        return self._oldest

    def _commit(self, kind: str, resource: Resource, obj: Object) -> Object:
        self.revision += 1
        place = _place(obj)
        objects = self._objects.setdefault(resource, {})
        metadata = {**obj["metadata"], "resourceVersion": str(self.revision)}
        after = {**obj, "metadata": metadata}
        event = Event(kind, self.revision, resource, objects.get(place), after)
        if kind == "DELETED":
            objects.pop(place, None)
        else:
            objects[place] = after
        if len(self._history) == self._history.maxlen:
            self._oldest = self._history[0].revision
        self._history.append(event)
        self.wake()
        return after

    def wake(self) -> None:
        """Let every watcher look again."""
        self._changed.set()
        self._changed = anyio.Event()


def _place(obj: Object) -> tuple[str, str]:
    metadata = obj["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _unversioned(obj: Object) -> Object:
    metadata = {k: v for k, v in obj["metadata"].items() if k != "resourceVersion"}
    return {**obj, "metadata": metadata}

"""Watch requests: what is there, then every change, bookmarks, and how it ends."""

import json
import random
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from syncd.loopback import apierror
from syncd.loopback.api.lists import Selection, parse_version
from syncd.loopback.api.request import is_true
from syncd.loopback.apierror import ApiError
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects.place import Place
from syncd.loopback.store import Event, Gone, Object, Store


Line = dict[str, Any]
_BOOKMARK_S = 60.0
_LAST_BOOKMARK_S = 2.0
# Without a wish of the client's, a watch lives 30 to 60 minutes.
_LIFE_S = (1800.0, 3600.0)
_INITIAL_END = {"k8s.io/initial-events-end": "true"}
# A bookmark is an empty object, encoded with the fields that Go always writes.
_EMPTY: dict[str, Line] = {
    "Pod": {"spec": {"containers": None}, "status": {}},
    "ReplicaSet": {
        "spec": {"replicas": 0, "selector": None},
        "status": {"replicas": 0},
    },
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asked of a watch."""

    chosen: Selection
    version: int
    bookmarks: bool
    initial: bool
    life_s: float


def parse_watch(chosen: Selection, query: Mapping[str, str], dialect: Dialect) -> Wish:
    """The parameters of a watch.

    Raises:
        ApiError: 422 for a combination that the dialect refuses, 500 for a
            resourceVersion that is no number.
    """
    _check_options(query, dialect)
    timeout = query.get("timeoutSeconds", "")
    return Wish(
        chosen,
        parse_version(query.get("resourceVersion", "")),
        is_true(query.get("allowWatchBookmarks", "")),
        is_true(query.get("sendInitialEvents", "")) and dialect.modern,
        float(timeout)
        if timeout.isdecimal() and timeout != "0"
        else random.uniform(*_LIFE_S),  # noqa: S311  spreads reconnects
    )


def _check_options(query: Mapping[str, str], dialect: Dialect) -> None:
    match = query.get("resourceVersionMatch", "")
    initial = query.get("sendInitialEvents", "")
    causes = []
    if match and not (dialect.modern and initial):
        causes.append("resourceVersionMatch is forbidden for watch")
        if not query.get("resourceVersion"):
            causes.append(
                "resourceVersionMatch is forbidden unless resourceVersion is provided"
            )
    if dialect.modern and initial and match != "NotOlderThan":
        causes.append("sendInitialEvents requires setting resourceVersionMatch")
    if not causes:
        return
    lines = [f"resourceVersionMatch: Forbidden: {cause}" for cause in causes]
    text = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    raise ApiError(
        422,
        "Invalid",
        f'ListOptions.meta.k8s.io "" is invalid: {text}',
        details={
            "group": "meta.k8s.io",
            "kind": "ListOptions",
            "causes": [
                {
                    "reason": "FieldValueForbidden",
                    "message": f"Forbidden: {cause}",
                    "field": "resourceVersionMatch",
                }
                for cause in causes
            ],
        },
    )


class Watch:
    """One running watch: a position in the store's history, and no more.

    Attributes:
        error: Set from outside, it becomes the last event, and the watch ends.
    """

    def __init__(self, store: Store, dialect: Dialect, wish: Wish) -> None:
        self._store = store
        self._dialect = dialect
        self._wish = wish
        self._at = wish.version or store.revision
        self.error: ApiError | None = None

    @property
    def place(self) -> Place:
        """What it watches."""
        return self._wish.chosen.place

    async def lines(self) -> AsyncIterator[list[Line]]:
        """The events, in the batches that they come in, until the watch ends."""
        wish = self._wish
        start = anyio.current_time()
        end = start + wish.life_s
        bookmark = self._next_bookmark(start, end)
        yield self._first()
        while (now := anyio.current_time()) < end:
            if self.error is not None:
                yield [_error(self.error)]
                return
            try:
                events = self._store.since(self._at)
            except Gone as gone:
                yield [_error(self._expired(gone))]
                return
            if events:
                yield [line for event in events for line in self._of(event)]
                self._at = events[-1].revision
                continue
            if now >= bookmark:
                bookmark = self._next_bookmark(now, end)
                if wish.bookmarks:
                    yield [self._bookmark()]
            with anyio.move_on_after(min(bookmark, end) - now):
                await self._store.changed(self._at)

    def _next_bookmark(self, now: float, end: float) -> float:
        last = end - _LAST_BOOKMARK_S
        return min(now + _BOOKMARK_S, last) if now <= last else end

    def _first(self) -> list[Line]:
        wish = self._wish
        if wish.version and not wish.initial:
            return []
        resource = wish.chosen.place.resource
        found = filter(wish.chosen, self._store.all(resource))
        self._at = self._store.revision
        lines = [{"type": "ADDED", "object": obj} for obj in found]
        if wish.initial and wish.bookmarks:
            lines.append(self._bookmark(_INITIAL_END))
        return lines

    def _of(self, event: Event) -> list[Line]:
        """The event as this watch sees it: objects enter and leave its selection."""
        chosen = self._wish.chosen
        if event.resource != chosen.place.resource:
            return []
        was = event.before is not None and chosen(event.before)
        is_now = event.type != "DELETED" and chosen(event.after)
        if event.type == "DELETED":
            return [{"type": "DELETED", "object": event.after}] if was else []
        if was and is_now:
            return [{"type": "MODIFIED", "object": event.after}]
        if is_now:
            return [{"type": "ADDED", "object": event.after}]
        return [{"type": "DELETED", "object": event.after}] if was else []

    def _bookmark(self, annotations: dict[str, str] | None = None) -> Line:
        resource = self._wish.chosen.place.resource
        metadata: dict[str, Any] = {"resourceVersion": str(self._at)}
        if not self._dialect.modern:
            metadata["creationTimestamp"] = None
        if annotations:
            metadata["annotations"] = annotations
        head = {"kind": resource.kind, "apiVersion": resource.api_version}
        empty = _EMPTY.get(resource.kind, {})
        return {"type": "BOOKMARK", "object": {**head, "metadata": metadata, **empty}}

    def _expired(self, gone: Gone) -> ApiError:
        return apierror.expired(f"too old resource version: {self._at} ({gone.oldest})")


def _error(error: ApiError) -> Line:
    return {"type": "ERROR", "object": error.status()}


def encode(lines: list[Line], render: Callable[[Object], Object]) -> bytes:
    """The lines as they go over the wire, each object in the form the client takes."""
    return b"".join(
        json.dumps(
            {"type": line["type"], "object": _rendered(line, render)},
            separators=(",", ":"),
            ensure_ascii=False,
        ).encode()
        + b"\n"
        for line in lines
    )


def _rendered(line: Line, render: Callable[[Object], Object]) -> Object:
    obj: Object = line["object"]
    return obj if line["type"] == "ERROR" else render(obj)

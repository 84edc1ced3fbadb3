"""A collection of the API, followed for ever: list, then watch, then resume.

A watch ends after some minutes, or in the middle of a line when the API server goes,
and is taken up from the last `resourceVersion`; bookmarks keep that one fresh. A
version that the server has forgotten (410, as the status or as an event of a 200) costs
a new list. A watch that is silent longer than bookmarks would let it be is opened anew:
the link may be half-open, and resuming is cheap.

Until the first list is there every failure is raised, and until the first watch is open
those that a person must act on: they are still there. From then on everything is tried
again with back-off, even a 403: an API server that has just started refuses everybody
until it has read its roles.
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    aclosing,
    asynccontextmanager,
    contextmanager,
)
from dataclasses import dataclass
from typing import Any, Protocol

import anyio

from syncd.cluster.failures import Answer, Refused, asked, refusal
from syncd.cluster.lines import lines_of
from syncd.cluster.outage import Outage
from syncd.cluster.ports import Body, Timing
from syncd.cluster.retry import backoff
from syncd.errors import Halted, ProtocolError, SyncdError, TargetError
from syncd.events import Emit


Object = Mapping[str, Any]

_MAX_LINE = 32 * 2**20
_FRESH_S = 1.0
_STABLE_S = 5.0
"""A watch that lasted this long was a good one, even if nothing happened."""


@dataclass(frozen=True, slots=True)
class Listed:
    """All there is; whatever was known before no longer counts."""

    items: tuple[Object, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """An object is new or different."""

    object: Object


@dataclass(frozen=True, slots=True)
class Gone:
    """An object was deleted, or no longer matches; this was its last state."""

    object: Object


Event = Listed | Changed | Gone


class Watches:
    """The watches that are open, to be opened anew when somebody doubts them.

    A half-open watch is silent, and so is a good one. Who finds a Pod gone that should
    be there knows better than to wait for the next bookmark.
    """

    def __init__(self) -> None:
        self._open: dict[Body, float] = {}

    @contextmanager
    def holding(self, body: Body) -> Iterator[None]:
        """Count a watch among the open ones."""
        self._open[body] = anyio.current_time()
        try:
            yield
        finally:
            del self._open[body]

    def doubt(self, *, older_than_s: float = _FRESH_S) -> None:
        """Have every watch resumed, but for those that were just opened."""
        now = anyio.current_time()
        for body, opened_at in list(self._open.items()):
            if now - opened_at > older_than_s:
                body.abort()


class Source(Protocol):
    """The part of `Api` that a watch needs."""

    timing: Timing
    outage: Outage
    watches: Watches

    async def get(self, path: str, **params: object) -> dict[str, Any]:
        """Return a list."""
        ...

    def stream(
        self, path: str, *, idle_s: float | None = None, **params: object
    ) -> AbstractAsyncContextManager[Answer | Body]:
        """Open a watch."""
        ...


async def watch(
    api: Source, path: str, emit: Emit, **params: object
) -> AsyncGenerator[Event, None]:
    """Yield what happens in a collection: first `Listed`, and then for ever.

    Args:
        api: The cluster.
        path: Of the collection.
        emit: Told when the API server stops answering, and when it is back.
        params: Which objects: `labelSelector` or `fieldSelector`.

    Raises:
        SyncdError: If the collection cannot be listed or watched to begin with.
        Halted: Whenever the context has come to point to another server.
    """
    place = _Place(api, path, emit, params)
    while True:
        try:
            if not place.version:
                yield await place.listed()
            async with (
                place.opened() as body,
                aclosing(lines_of(body, _MAX_LINE)) as ls,
            ):
                async for line in ls:
                    if (event := place.take(line)) is not None:
                        yield event
        except SyncdError as error:
            place.failed(error)
        await anyio.sleep(place.pause())


class _Place:
    """How far one watch has come, and how well it goes."""

    def __init__(
        self, api: Source, path: str, emit: Emit, params: Mapping[str, object]
    ) -> None:
        self.version = ""
        self._api = api
        self._path = path
        self._emit = emit
        self._params = params
        self._has_listed = False
        self._has_begun = False
        self._opened_at: float | None = None
        self._failures = 0

    async def listed(self) -> Listed:
        """List the collection, and remember from where to watch it."""
        listed = await self._api.get(self._path, **self._params)
        self._has_listed = True
        self.version = _version(listed)
        return Listed(tuple(listed.get("items") or ()))

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Body]:
        """Open the watch from where it has come to."""
        opening = self._api.stream(
            self._path,
            idle_s=self._api.timing.watch_idle,
            watch=True,
            allowWatchBookmarks=True,
            resourceVersion=self.version,
            timeoutSeconds=int(self._api.timing.watch),
            **self._params,
        )
        async with opening as answer:
            if isinstance(answer, Answer):
                raise refusal(asked("GET", self._path, watch=True), answer)
            self._has_begun = True
            self._opened_at = anyio.current_time()
            self._api.outage.ended(self._emit)
            with self._api.watches.holding(answer):
                yield answer

    def take(self, line: bytes) -> Event | None:
        """Return the event in a line, if there is one."""
        self.version, event = _decode(line)
        self._failures = 0
        return event

    def failed(self, error: SyncdError) -> None:
        """Take note of a failure, or raise it if trying again is no use."""
        hopeless = not self._has_begun and isinstance(error, TargetError)
        if hopeless or not self._has_listed or isinstance(error, Halted):
            raise error
        if isinstance(error, Refused) and error.status == 410:
            self.version = ""
        elif self._opened_at is None:
            self._api.outage.began(error, self._emit)

    def pause(self) -> float:
        """Return how long to wait before the watch is opened again: at first not."""
        opened_at, self._opened_at = self._opened_at, None
        if opened_at and anyio.current_time() - opened_at > _STABLE_S:
            self._failures = 0
        self._failures += 1
        if self._failures == 1:
            return 0.0
        return backoff(self._failures - 1, self._api.timing)


def _version(document: Object) -> str:
    return str((document.get("metadata") or {}).get("resourceVersion") or "")


def _decode(line: bytes) -> tuple[str, Event | None]:
    """Return what a line of a watch says: the version to resume from, and an event.

    Raises:
        SyncdError: If it says that the watch has failed.
    """
    try:
        said = json.loads(line)
        kind, document = said["type"], said["object"]
        version = _version(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as exc:
        raise ProtocolError(f"not a watch event: {line[:80]!r}") from exc
    match kind:
        case "ADDED" | "MODIFIED":
            return version, Changed(document)
        case "DELETED":
            return version, Gone(document)
        case "ERROR":
            message = str(document.get("message") or "the watch failed")
            raise Refused(
                message,
                status=int(document.get("code") or 500),
                reason=str(document.get("reason") or ""),
            )
        case _:
            return version, None

"""List requests: selectors, pages, and the resourceVersion that they speak for."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from syncd.loopback import apierror
from syncd.loopback.apierror import bad_request
from syncd.loopback.catalog import Resource
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects.place import Place
from syncd.loopback.objects.selectors import Match, everything, field_match, label_match
from syncd.loopback.store import Object, Store


# How long a server waits for a resourceVersion of the future.
FUTURE_S = 3.0
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You can start a new list without the continue parameter, or use the continue token "
    "in this response to retrieve the remainder of the results. Continuing with the "
    "provided token results in an inconsistent list - objects that were created, "
    "modified, or deleted between the time the first chunk was returned and now may "
    "show up in the list."
)


@dataclass(frozen=True, slots=True)
class Selection:
    """Which objects of a resource a list or watch is about."""

    place: Place
    labels: Match = everything
    fields: Match = everything

    def __call__(self, obj: Object) -> bool:
        """True for a selected object."""
        where = obj["metadata"].get("namespace", "")
        if self.place.namespace and where != self.place.namespace:
            return False
        return self.labels(obj) and self.fields(obj)

    @property
    def is_whole(self) -> bool:
        """True without selectors."""
        return self.labels is everything and self.fields is everything


def selection(place: Place, query: Mapping[str, str]) -> Selection:
    """The selection of a request.

    Raises:
        ApiError: 400 if a selector cannot be parsed.
    """
    return Selection(
        place,
        label_match(query.get("labelSelector", "")),
        field_match(query.get("fieldSelector", ""), place.resource),
    )


def parse_version(text: str) -> int:
    """A `resourceVersion` parameter as a number; 0 if there is none.

    Raises:
        ApiError: 500, as the real server fails.
    """
    if not text:
        return 0
    if not text.isdecimal():
        raise apierror.malformed_version(text)
    return int(text)


async def list_objects(
    store: Store, dialect: Dialect, chosen: Selection, query: Mapping[str, str]
) -> dict[str, Any]:
    """The answer to a list request.

    Raises:
        ApiError: 400, 410 or 504, as the real server would.
    """
    version = parse_version(query.get("resourceVersion", ""))
    start: tuple[str, str] = ("", "")
    at = store.revision
    if token := query.get("continue", ""):
        at, start = _parse_token(token)
        at = _still_known(store, dialect, at, start)
    elif query.get("resourceVersionMatch") == "Exact":
        if version < store.oldest:
            raise apierror.expired(
                "The resourceVersion for the provided list is too old."
            )
        at = version
    await _wait_for(store, version)
    found = [obj for obj in _as_of(store, chosen.place.resource, at) if chosen(obj)]
    return _page(chosen, [obj for obj in found if _key(obj) > start], at, query)


def _page(
    chosen: Selection, found: list[Object], at: int, query: Mapping[str, str]
) -> dict[str, Any]:
    limit = int(query.get("limit") or 0)
    metadata: dict[str, Any] = {"resourceVersion": str(at)}
    items = found[:limit] if limit else found
    if len(items) < len(found):
        metadata["continue"] = _token(at, _key(items[-1]))
        if chosen.is_whole:
            metadata["remainingItemCount"] = len(found) - len(items)
    resource = chosen.place.resource
    return {
        "kind": f"{resource.kind}List",
        "apiVersion": resource.api_version,
        "metadata": metadata,
        "items": items,
    }


async def _wait_for(store: Store, version: int) -> None:
    with anyio.move_on_after(FUTURE_S):
        while store.revision < version:
            await store.changed(store.revision)
    if store.revision < version:
        raise apierror.too_large_version(version, store.revision)


def _as_of(store: Store, resource: Resource, revision: int) -> list[Object]:
    """The objects of `resource` as they were at `revision`, in order."""
    objects = {_key(obj): obj for obj in store.all(resource)}
    for event in reversed(store.since(min(revision, store.revision))):
        if event.resource != resource:
            continue
        if event.before is None:
            objects.pop(_key(event.after), None)
        else:
            objects[_key(event.after)] = event.before
    return [objects[key] for key in sorted(objects)]


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _still_known(
    store: Store, dialect: Dialect, at: int, start: tuple[str, str]
) -> int:
    if at == -1:
        return store.revision
    if at >= store.oldest:
        return at
    if dialect.modern:
        return store.revision  # served from what is there now, as recorded
    raise apierror.expired(_TOO_OLD, next_token=_token(-1, start))


def _token(revision: int, last: tuple[str, str]) -> str:
    place = json.dumps(
        {"v": "meta.k8s.io/v1", "rv": revision, "start": "\0".join(last)}
    )
    return base64.urlsafe_b64encode(place.encode()).rstrip(b"=").decode()


def _parse_token(token: str) -> tuple[int, tuple[str, str]]:
    try:
        padded = token + "=" * (-len(token) % 4)
        place = json.loads(base64.urlsafe_b64decode(padded))
        namespace, _, name = place["start"].partition("\0")
        return int(place["rv"]), (namespace, name)
    except (binascii.Error, ValueError, KeyError, TypeError) as exc:
        raise bad_request("continue key is not valid") from exc

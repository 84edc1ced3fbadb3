"""Who owns which field: `managedFields`, kept by writes and obeyed by apply."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from syncd.loopback.apierror import apply_conflicts
from syncd.loopback.catalog import Resource
from syncd.loopback.objects import fieldset
from syncd.loopback.objects.fieldset import FieldSet, children, is_granular, is_keyed
from syncd.loopback.objects.schema import Json, Type, root
from syncd.loopback.store import Object, now


# The real server merges the oldest writers once an object has more than this.
_MOST_UPDATERS = 10
ANCIENT = "ancient-changes"


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes, as managedFields tells writers apart."""

    manager: str
    operation: str
    api_version: str
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Owned:
    """The fields of one writer."""

    writer: Writer
    paths: FieldSet
    time: str


def owners(obj: Object | None) -> tuple[Owned, ...]:
    """The `managedFields` of an object."""
    entries = obj["metadata"].get("managedFields", ()) if obj else ()
    return tuple(
        Owned(
            Writer(
                entry["manager"],
                entry["operation"],
                entry["apiVersion"],
                entry.get("subresource", ""),
            ),
            fieldset.from_json(entry["fieldsV1"]),
            entry["time"],
        )
        for entry in entries
    )


def as_given(before: Object, after: Object) -> Object:
    """`before` with the owners that a write brings: whoever may write may set them.

    One empty entry forgets them all; what makes no sense is passed over.
    """
    given = after["metadata"].get("managedFields")
    try:
        known = given and (given == [{}] or owners(after))
    except (KeyError, TypeError, ValueError, AttributeError):
        known = None
    if not known:
        return before
    metadata = {**before["metadata"], "managedFields": () if given == [{}] else given}
    return {**before, "metadata": metadata}


def record_update(
    resource: Resource, before: Object | None, after: Object, writer: Writer
) -> Object:
    """`after` with its managedFields brought up to date for a write by `writer`."""
    old = before or {}
    changed, removed = fieldset.compare(old, after, root(resource.model))
    if not changed and not removed:
        return _with_owners(after, owners(before))
    mine = next((o for o in owners(before) if o.writer == writer), None)
    own = ((mine.paths if mine else fieldset.EMPTY) | changed) - removed
    others = [
        replace(other, paths=other.paths - changed - removed)
        for other in owners(before)
        if other.writer != writer
    ]
    entry = Owned(writer, own, now())
    return _with_owners(after, _bounded([*others, entry]))


def apply(
    resource: Resource,
    live: Object | None,
    config: Object,
    writer: Writer,
    *,
    force: bool,
) -> Object:
    """Server-side apply: `live` with the fields of `config`, owned by `writer`.

    What the writer applied before and leaves out now goes, unless others own it too.

    Raises:
        ApiError: 409 if others own a field that this would change, unless `force`.
    """
    kind = root(resource.model)
    wanted = fieldset.fields(config, kind)
    if live is None:
        return _with_owners(config, [Owned(writer, wanted, now())])
    mine = next((o for o in owners(live) if o.writer == writer), None)
    others = [o for o in owners(live) if o.writer != writer]
    merged = _merge(live, config, kind)
    changed, _ = fieldset.compare(live, merged, kind)
    if not force:
        _refuse_conflicts(others, changed)
    # A struct that was empty and now has fields stays, though its own path is no more.
    kept = _with_parents([wanted, *(other.paths for other in others)])
    dropped = (mine.paths if mine else fieldset.EMPTY) - kept
    merged = fieldset.without(merged, dropped, kind)
    others = [replace(o, paths=o.paths - changed - dropped) for o in others]
    same = mine is not None and mine.paths == wanted and not changed and not dropped
    time = mine.time if mine is not None and same else now()
    return _with_owners(merged, [*others, Owned(writer, wanted, time)])


def _refuse_conflicts(others: Sequence[Owned], changed: FieldSet) -> None:
    causes = []
    for other in others:
        writer = other.writer
        who = f'"{writer.manager}"'
        if writer.subresource:
            who += f' with subresource "{writer.subresource}"'
        who += f" using {writer.api_version}"
        causes += [
            (who, fieldset.describe(path)) for path in sorted(other.paths & changed)
        ]
    if causes:
        raise apply_conflicts(causes)


def _with_parents(sets: Iterable[FieldSet]) -> FieldSet:
    """Every path in `sets`, and everything that it is inside of."""
    return frozenset(
        path[:length]
        for paths in sets
        for path in paths
        for length in range(1, len(path) + 1)
    )


def _merge(live: Json, config: Json, kind: Type) -> Json:
    if isinstance(live, dict) and isinstance(config, dict) and is_granular(kind):
        parts = children(config, kind) or {}
        merged = dict(live)
        for name, (part, part_kind) in parts.items():
            key = name.removeprefix("f:")
            merged[key] = _merge(live.get(key), part, part_kind)
        return merged
    if isinstance(live, list) and isinstance(config, list) and is_keyed(kind):
        items = {name: part for name, (part, _) in (children(live, kind) or {}).items()}
        for name, (part, part_kind) in (children(config, kind) or {}).items():
            items[name] = _merge(items.get(name), part, part_kind)
        return list(items.values())
    return config


def _bounded(entries: list[Owned]) -> list[Owned]:
    entries = [entry for entry in entries if entry.paths]
    updates = [entry for entry in entries if entry.writer.operation == "Update"]
    if len(updates) <= _MOST_UPDATERS:
        return entries
    surplus = updates[: len(updates) - _MOST_UPDATERS + 1]
    first = surplus[0]
    merged = Owned(
        replace(first.writer, manager=ANCIENT, subresource=""),
        frozenset().union(*(entry.paths for entry in surplus)),
        surplus[-1].time,
    )
    return [merged, *(entry for entry in entries if entry not in surplus)]


def _with_owners(obj: Object, entries: Sequence[Owned]) -> Object:
    metadata = {k: v for k, v in obj["metadata"].items() if k != "managedFields"}
    rendered = [_entry(owned) for owned in entries if owned.paths]
    if rendered:
        metadata["managedFields"] = rendered
    return {**obj, "metadata": metadata}


def _entry(owned: Owned) -> dict[str, Any]:
    writer = owned.writer
    entry = {
        "manager": writer.manager,
        "operation": writer.operation,
        "apiVersion": writer.api_version,
        "time": owned.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": fieldset.to_json(owned.paths),
    }
    if writer.subresource:
        entry["subresource"] = writer.subresource
    return entry

"""Sets of fields, as `managedFields` keeps them.

A set is a frozenset of paths, a path a tuple of elements in the notation of FieldsV1:
`f:spec` a field, `k:{"name":"web"}` an element of a keyed list, `v:"x"` of a set.
"""

import json
from collections.abc import Iterator
from typing import Any

from syncd.loopback.objects.schema import Json, Shape, Type, field_of, item_of


Path = tuple[str, ...]
FieldSet = frozenset[Path]
EMPTY: FieldSet = frozenset()

# What no manager owns: identity and bookkeeping.
_UNOWNED = {
    ("f:apiVersion",),
    ("f:kind",),
    ("f:metadata",),
    *(
        ("f:metadata", f"f:{name}")
        for name in (
            "name",
            "namespace",
            "uid",
            "resourceVersion",
            "creationTimestamp",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "generation",
            "managedFields",
            "selfLink",
        )
    ),
}
_KEY_DEFAULTS = {"protocol": "TCP"}


def is_keyed(kind: Type) -> bool:
    """True for a list whose elements have an identity."""
    return kind.shape is Shape.LIST and bool(kind.keys or kind.unique)


def is_granular(kind: Type) -> bool:
    """True for an object whose fields are owned one by one."""
    return kind.shape in {Shape.STRUCT, Shape.MAP} and not kind.atomic


def element(item: Json, kind: Type) -> str:
    """The path element of `item` in a keyed list of type `kind`."""
    if not kind.keys:
        return f"v:{json.dumps(item)}"
    keys = {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in sorted(kind.keys)}
    keys = {key: value for key, value in keys.items() if value is not None}
    return f"k:{json.dumps(keys, separators=(',', ':'))}"


def children(value: Json, kind: Type) -> dict[str, tuple[Any, Type]] | None:
    """The parts of `value` that are owned apart, by element; None for a leaf."""
    if isinstance(value, dict) and is_granular(kind):
        return {
            f"f:{name}": (inner, field_of(kind, name)) for name, inner in value.items()
        }
    if isinstance(value, list) and is_keyed(kind):
        return {element(item, kind): (item, item_of(kind)) for item in value}
    return None


def fields(value: Json, kind: Type, *, parents: bool = False) -> FieldSet:
    """Every field that `value` sets.

    Args:
        value: An object, or a part of one.
        kind: Its type.
        parents: Also the maps and keyed lists themselves, as updates record them.
    """
    return frozenset(_walk(value, kind, (), parents=parents)) - _UNOWNED


def _walk(value: Json, kind: Type, path: Path, *, parents: bool) -> Iterator[Path]:
    inner = children(value, kind)
    if not inner:
        yield path
        return
    is_item = bool(path) and path[-1][0] in "kv"
    if is_item or (parents and path and kind.shape is not Shape.STRUCT):
        yield path
    for name, (part, part_kind) in inner.items():
        yield from _walk(part, part_kind, (*path, name), parents=parents)


def compare(old: Json, new: Json, kind: Type) -> tuple[FieldSet, FieldSet]:
    """The fields that `new` sets otherwise than `old`, and those that it lacks."""
    changed: set[Path] = set()
    removed: set[Path] = set()
    _compare(old, new, kind, (), changed, removed)
    return frozenset(changed) - _UNOWNED, frozenset(removed) - _UNOWNED


def _compare(
    old: Json,
    new: Json,
    kind: Type,
    path: Path,
    changed: set[Path],
    removed: set[Path],
) -> None:
    before, after = children(old, kind), children(new, kind)
    if before is None or after is None:
        if old != new:
            changed.update(_walk(new, kind, path, parents=True))
        return
    for name, (part, part_kind) in after.items():
        if name in before:
            _compare(before[name][0], part, part_kind, (*path, name), changed, removed)
        else:
            changed.update(_walk(part, part_kind, (*path, name), parents=True))
    for name, (part, part_kind) in before.items():
        if name not in after:
            removed.update(_walk(part, part_kind, (*path, name), parents=True))


def without(value: Json, gone: FieldSet, kind: Type, path: Path = ()) -> Json:
    """`value` less the fields in `gone`."""
    inner = children(value, kind)
    if inner is None:
        return value
    kept = {
        name: without(part, gone, part_kind, (*path, name))
        for name, (part, part_kind) in inner.items()
        if (*path, name) not in gone
    }
    if isinstance(value, list):
        return list(kept.values())
    return {name.removeprefix("f:"): part for name, part in kept.items()}


def to_json(paths: FieldSet) -> dict[str, Any]:
    """As FieldsV1: nested objects, `.` for a parent that is itself a member."""
    tree: dict[str, Any] = {}
    for path in sorted(paths):
        node = tree
        for name in path:
            node = node.setdefault(name, {})
    for path in paths:
        node = tree
        for name in path:
            node = node[name]
        if node:
            node["."] = {}
    return tree


def from_json(tree: dict[str, Any], path: Path = ()) -> FieldSet:
    """The reverse of `to_json`."""
    found: set[Path] = set()
    for name, inner in tree.items():
        if name == ".":
            found.add(path)
        elif inner:
            found |= from_json(inner, (*path, name))
        else:
            found.add((*path, name))
    return frozenset(found)


def describe(path: Path) -> str:
    """As a conflict message names it: `.spec.containers[name="web"].image`."""
    text = ""
    for name in path:
        kind, _, rest = name.partition(":")
        if kind == "f":
            text += f".{rest}"
        elif kind == "v":
            text += f"[={rest}]"
        else:
            pairs = json.loads(rest).items()
            inner = ",".join(f"{key}={json.dumps(value)}" for key, value in pairs)
            text += f"[{inner}]"
    return text

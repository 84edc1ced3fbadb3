"""JSON patch, merge patch and strategic merge patch, on plain values.

Nothing here edits its arguments; every function returns the patched value.
"""

import copy
from typing import Any

from syncd.loopback.objects.schema import Json, Shape, Type, field_of, item_of


_DIRECTIVES = ("$patch", "$retainKeys")
_ORDER = "$setElementOrder/"
_REMOVE = "$deleteFromPrimitiveList/"


class PatchError(ValueError):
    """The patch does not fit the value."""


def merge_patch(value: Json, patch: Json) -> Json:
    """RFC 7386: null deletes, objects merge, everything else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(value) if isinstance(value, dict) else {}
    for key, inner in patch.items():
        if inner is None:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), inner)
    return merged


def json_patch(value: Json, operations: list[dict[str, Any]]) -> Json:
    """RFC 6902.

    Raises:
        PatchError: If a path is missing, a test fails or an operation is unknown.
    """
    value = copy.deepcopy(value)
    for operation in operations:
        try:
            value = _operate(value, operation)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError) as exc:
            raise PatchError(str(exc)) from exc
    return value


def _operate(value: Json, operation: dict[str, Any]) -> Json:
    path = _pointer(operation["path"])
    match operation["op"]:
        case "add":
            return _put(value, path, operation["value"], add=True)
        case "replace":
            return _put(value, path, operation["value"], add=False)
        case "remove":
            return _take(value, path)
        case "test":
            if _at(value, path) != operation.get("value"):
                raise PatchError("test failed")
            return value
        case "move":
            source = _pointer(operation["from"])
            moved = _at(value, source)
            return _put(_take(value, source), path, moved, add=True)
        case "copy":
            found = copy.deepcopy(_at(value, _pointer(operation["from"])))
            return _put(value, path, found, add=True)
        case other:
            raise PatchError(f"unknown operation {other}")


def _pointer(text: str) -> list[str]:
    if text and not text.startswith("/"):
        raise PatchError(f"bad path {text}")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _at(value: Json, path: list[str]) -> Json:
    for part in path:
        value = value[_index(value, part)] if isinstance(value, list) else value[part]
    return value


def _index(value: list[Json], part: str) -> int:
    index = int(part)
    if not 0 <= index < len(value):
        raise PatchError(f"index {index} is out of bounds")
    return index


def _put(value: Json, path: list[str], new: Json, *, add: bool) -> Json:
    if not path:
        return new
    parent, last = _at(value, path[:-1]), path[-1]
    if isinstance(parent, list):
        if not add:
            parent[_index(parent, last)] = new
        elif last == "-":
            parent.append(new)
        elif int(last) <= len(parent):
            parent.insert(int(last), new)
        else:
            raise PatchError(f"index {last} is out of bounds")
    elif add or last in parent:
        parent[last] = new
    else:
        raise PatchError(f"no {last} to replace")
    return value


def _take(value: Json, path: list[str]) -> Json:
    if not path:
        raise PatchError("the whole cannot be removed")
    parent, last = _at(value, path[:-1]), path[-1]
    del parent[_index(parent, last) if isinstance(parent, list) else last]
    return value


def strategic_merge(value: Json, patch: dict[str, Any], kind: Type) -> Json:
    """Kubernetes' own patch: lists with a merge key merge, directives are obeyed.

    Raises:
        PatchError: If an element of a keyed list lacks its key.
    """
    mode = patch.get("$patch", "merge")
    if mode == "delete":
        return {}
    merged = dict(value) if isinstance(value, dict) and mode != "replace" else {}
    if (kept := patch.get("$retainKeys")) is not None:
        merged = {key: inner for key, inner in merged.items() if key in kept}
    for key, inner in patch.items():
        if key in _DIRECTIVES or key.startswith(_ORDER):
            continue
        if key.startswith(_REMOVE):
            name = key.removeprefix(_REMOVE)
            merged[name] = [old for old in merged.get(name, ()) if old not in inner]
        elif inner is None:
            merged.pop(key, None)
        else:
            merged[key] = _merge_value(merged.get(key), inner, field_of(kind, key))
    for key, order in patch.items():
        name = key.removeprefix(_ORDER)
        if name != key and isinstance(merged.get(name), list):
            merged[name] = _ordered(merged[name], order, field_of(kind, name))
    return merged


def _merge_value(old: Json, new: Json, kind: Type) -> Json:
    if isinstance(new, dict):
        return strategic_merge(old, new, kind)
    if not isinstance(new, list):
        return new
    if kind.shape is Shape.LIST and kind.merge_key:
        return _merge_keyed(old if isinstance(old, list) else [], new, kind)
    if kind.unique and isinstance(old, list):
        return [*old, *(item for item in new if item not in old)]
    return [_merge_value(None, item, item_of(kind)) for item in new]


def _merge_keyed(old: list[Json], new: list[Json], kind: Type) -> list[Json]:
    key, item = kind.merge_key, item_of(kind)
    if any(entry.get("$patch") == "replace" for entry in new):
        return [
            strategic_merge(None, entry, item)
            for entry in new
            if set(entry) != {"$patch"}
        ]
    merged = list(old)
    for entry in new:
        if key not in entry:
            raise PatchError(f"map: {entry} does not contain declared merge key: {key}")
        found = [at for at, known in enumerate(merged) if known.get(key) == entry[key]]
        if entry.get("$patch") == "delete":
            merged = [known for known in merged if known.get(key) != entry[key]]
        elif found:
            merged[found[0]] = strategic_merge(merged[found[0]], entry, item)
        else:
            merged.append(strategic_merge(None, entry, item))
    return merged


def _ordered(items: list[Json], order: list[Json], kind: Type) -> list[Json]:
    """`items` in the client's order; what only the server has stays where it was."""

    def name(item: Json) -> Json:
        return item.get(kind.merge_key) if isinstance(item, dict) else item

    wanted = [name(item) for item in order]
    known = [item for item in items if name(item) in wanted]
    result = sorted(known, key=lambda item: wanted.index(name(item)))
    for at, item in enumerate(items):
        if name(item) not in wanted:
            before = items[at - 1] if at else None
            result.insert(result.index(before) + 1 if before in result else 0, item)
    return result

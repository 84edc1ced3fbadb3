"""What a server makes of a body: known fields kept, unknown ones named, types held."""

import json
from typing import Any

from syncd.loopback.apierror import bad_request
from syncd.loopback.catalog import Resource
from syncd.loopback.objects.schema import (
    STRING,
    Json,
    Shape,
    Type,
    item_of,
    root,
    struct,
)


_QUANTITIES = {"limits", "requests", "capacity", "allocatable", "overhead", "hard"}
_GO_TYPES = {
    Shape.STRING: "string",
    Shape.INTEGER: "int32",
    Shape.NUMBER: "float64",
    Shape.BOOLEAN: "bool",
}


def decode(
    resource: Resource, body: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Return `body` as the server keeps it, and the paths of its unknown fields.

    Nulls, empty lists and empty maps go, as the real server's encoder drops them.

    Raises:
        ApiError: 400 if a field has the wrong type.
    """
    decoder = _Decoder(resource)
    kept = decoder.struct(body, root(resource.model), "")
    metadata = kept.pop("metadata", {})
    for implied in ("kind", "apiVersion"):
        kept.pop(implied, None)
    head = {"kind": resource.kind, "apiVersion": resource.api_version}
    return {**head, "metadata": metadata, **kept}, decoder.unknown


class _Decoder:
    def __init__(self, resource: Resource) -> None:
        self._resource = resource
        self.unknown: list[str] = []

    def struct(self, value: dict[str, Any], kind: Type, path: str) -> dict[str, Any]:
        fields = struct(kind.model).fields
        kept: dict[str, Any] = {}
        for name, inner in value.items():
            where = f"{path}.{name}" if path else name
            if name not in fields:
                if not self._of_an_older_version(kind, name):
                    self.unknown.append(where)
                    continue
                kept[name] = inner
            elif inner is not None and not _is_absent(inner, fields[name].shape):
                kept[name] = self._value(inner, fields[name], where, kind.model)
        return kept

    def _of_an_older_version(self, kind: Type, name: str) -> bool:
        # The models are of v1; endpoint slices of v1beta1 had this one field more.
        return kind.model == "V1Endpoint" and name == "topology"

    def _value(self, value: Json, kind: Type, path: str, model: str) -> Json:
        match kind.shape:
            case Shape.ANY:
                return value
            case Shape.STRUCT if isinstance(value, dict):
                return self.struct(value, kind, path)
            case Shape.MAP if isinstance(value, dict):
                return self._map(value, kind, path, model)
            case Shape.LIST if isinstance(value, list):
                item = item_of(kind)
                return [
                    self._value(inner, item, f"{path}[{index}]", model)
                    for index, inner in enumerate(value)
                ]
            case _:
                if not _is_scalar(value, kind.shape):
                    raise self._mismatch(value, kind, path, model)
                return value

    def _map(self, value: dict[str, Any], kind: Type, path: str, model: str) -> Json:
        item = item_of(kind)
        if path.rpartition(".")[2] in _QUANTITIES:
            return {name: str(inner) for name, inner in value.items()}
        return {
            name: ""
            if inner is None and item == STRING
            else self._value(inner, item, f"{path}.{name}", model)
            for name, inner in value.items()
        }

    def _mismatch(self, value: object, kind: Type, path: str, model: str) -> Exception:
        resource = self._resource
        wanted = _GO_TYPES.get(kind.shape, kind.model.removeprefix("V1") or "object")
        return bad_request(
            f'{resource.kind} in version "{resource.version}" cannot be handled as a '
            f"{resource.kind}: json: cannot unmarshal {_go_kind(value)} into Go struct "
            f"field {model.removeprefix('V1')}.{path} of type {wanted}"
        )


def _is_absent(value: object, shape: Shape) -> bool:
    return (value == [] and shape is Shape.LIST) or (value == {} and shape is Shape.MAP)


def _is_scalar(value: object, shape: Shape) -> bool:
    match shape:
        case Shape.STRING:
            return isinstance(value, str)
        case Shape.BOOLEAN:
            return isinstance(value, bool)
        case Shape.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case Shape.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case _:
            return False


def _go_kind(value: object) -> str:
    match value:
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"


def go_json_error(data: bytes, exc: ValueError) -> str:
    """What Go's decoder would say of malformed JSON."""
    text = data.decode(errors="replace")
    at = exc.pos if isinstance(exc, json.JSONDecodeError) else len(text)
    if at >= len(text.rstrip()):
        return "unexpected end of JSON input"
    return f"invalid character '{text[at]}' looking for beginning of value"

"""The OpenAPI v2 document in the protobuf of gnostic, the only form kubectl reads it in.

Only the messages and fields that our document uses are written; the numbers are those
of `openapiv2/OpenAPIv2.proto`.
"""

import json
from typing import Any

from syncd.loopback.api.openapi import Document


# Asked for with an @ before the version, which no MIME parser takes in an answer.
MEDIA_TYPE = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"


def encode(document: Document) -> bytes:
    """The document as the message `openapi.v2.Document`."""
    info = document["info"]
    return b"".join(
        (
            _text(1, document["swagger"]),
            _bytes(2, _text(1, info["title"]) + _text(2, info["version"])),
            _bytes(8, _named(2, document["paths"], _path_item)),
            _bytes(9, _named(1, document["definitions"], _schema)),
        )
    )


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _bytes(number: int, value: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def _text(number: int, value: str) -> bytes:
    return _bytes(number, value.encode())


def _texts(number: int, values: list[str]) -> bytes:
    return b"".join(_text(number, value) for value in values)


def _named(number: int, values: dict[str, Any], encoder: Any) -> bytes:  # noqa: ANN401  any message's encoder
    """A map, which gnostic writes as repeated (name, value) messages."""
    return b"".join(
        _bytes(number, _text(1, name) + _bytes(2, encoder(value)))
        for name, value in values.items()
    )


def _extensions(number: int, value: Document) -> bytes:
    found = {name: inner for name, inner in value.items() if name.startswith("x-")}
    # An extension travels as YAML text, and JSON is YAML.
    return _named(number, found, lambda inner: _text(2, json.dumps(inner)))


def _path_item(item: Document) -> bytes:
    return _bytes(8, _operation(item["patch"]))


def _operation(operation: Document) -> bytes:
    return b"".join(
        (
            _text(5, operation["operationId"]),
            _texts(6, operation["produces"]),
            _texts(7, operation["consumes"]),
            *(_bytes(8, _parameter(item)) for item in operation["parameters"]),
            _bytes(9, _named(1, operation["responses"], _response)),
            _extensions(13, operation),
        )
    )


def _parameter(parameter: Document) -> bytes:
    query = b"".join(
        (
            _text(2, parameter["in"]),
            _text(4, parameter["name"]),
            _text(6, parameter["type"]),
        )
    )
    # ParametersItem.parameter, Parameter.non_body_parameter, … .query_parameter
    return _bytes(1, _bytes(2, _bytes(3, query)))


def _response(response: Document) -> bytes:
    return _bytes(1, _text(1, response["description"]))


def _schema(schema: Document) -> bytes:
    parts = []
    if reference := schema.get("$ref"):
        parts.append(_text(1, reference))
    if form := schema.get("format"):
        parts.append(_text(2, form))
    parts.append(_texts(19, schema.get("required", [])))
    if (inner := schema.get("additionalProperties")) is not None:
        parts.append(_bytes(21, _bytes(1, _schema(inner))))
    if kind := schema.get("type"):
        parts.append(_bytes(22, _text(1, kind)))
    if (items := schema.get("items")) is not None:
        parts.append(_bytes(23, _bytes(1, _schema(items))))
    if properties := schema.get("properties"):
        parts.append(_bytes(25, _named(1, properties, _schema)))
    parts.append(_extensions(31, schema))
    return b"".join(parts)

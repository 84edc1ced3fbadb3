"""Bodies in and out: what the client sends, and in which shape it wants the answer."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

import yaml
from aiohttp import web

from syncd.loopback.api import protobuf
from syncd.loopback.apierror import (
    bad_request,
    not_acceptable,
    unsupported_media_type,
)
from syncd.loopback.catalog import Resource
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects.decode import go_json_error


class Form(Enum):
    """The shape of an answer."""

    OBJECT = "object"
    TABLE = "Table"
    METADATA = "PartialObjectMetadata"


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the client takes: a form, and of which version of `meta.k8s.io`."""

    form: Form
    version: str = "v1"


def accepted(header: str, dialect: Dialect) -> Accepted:
    """The first form in an `Accept` header that is served.

    Raises:
        ApiError: 406 if there is none.
    """
    for part in header.split(",") if header else ["*/*"]:
        media, *parameters = (piece.strip() for piece in part.split(";"))
        if media not in {"*/*", "application/*", "application/json"}:
            continue
        options = dict(p.split("=", 1) for p in parameters if "=" in p)
        match options.get("as", ""):
            case "":
                return Accepted(Form.OBJECT)
            case "Table":
                return Accepted(Form.TABLE, options.get("v", "v1"))
            case "PartialObjectMetadata" | "PartialObjectMetadataList":
                return Accepted(Form.METADATA, options.get("v", "v1"))
            case _:
                continue
    kinds = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    hint = f"\n\nAvailable representations: {kinds}" if dialect.modern else ""
    raise not_acceptable(f"406: Not Acceptable{hint}")


def as_metadata(value: dict[str, Any], version: str) -> dict[str, Any]:
    """An object or list with nothing but the metadata."""
    api = f"meta.k8s.io/{version}"
    if "items" in value:
        return {
            "kind": "PartialObjectMetadataList",
            "apiVersion": api,
            "metadata": value["metadata"],
            "items": [as_metadata(item, version) for item in value["items"]],
        }
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": api,
        "metadata": value["metadata"],
    }


async def read_body(request: web.Request) -> dict[str, Any]:
    """The JSON or YAML object in a body; empty if there is none.

    Raises:
        ApiError: 400 if it is no object, 415 if it is of another type.
    """
    data = await request.read()
    if not data:
        return {}
    value = parse(data, request.content_type)
    if not isinstance(value, dict):
        raise bad_request("the body of the request is not an object")
    return value


def parse(data: bytes, content_type: str) -> Any:  # noqa: ANN401  JSON is anything
    """The value in `data`.

    Raises:
        ApiError: 400 if it is malformed, 415 if it is of another type.
    """
    if content_type.endswith("yaml"):
        try:
            return yaml.safe_load(data)
        except yaml.YAMLError as exc:
            raise bad_request(f"error converting YAML to JSON: {exc}") from exc
    if content_type == protobuf.MEDIA_TYPE:
        return protobuf.decode(data)
    if content_type not in {"application/json", "application/octet-stream", ""} and (
        not content_type.endswith("+json")
    ):
        raise unsupported_media_type()
    try:
        return json.loads(data)
    except ValueError as exc:
        raise bad_request(go_json_error(data, exc)) from exc


async def read_object(request: web.Request, resource: Resource) -> dict[str, Any]:
    """The body of a write; what is no JSON is refused in the words of the codec.

    Raises:
        ApiError: 400, or 415 if it is neither JSON nor YAML.
    """
    data = await request.read()
    if request.content_type != "application/json":
        return await read_body(request)
    try:
        value = json.loads(data)
    except ValueError as exc:
        shown = data[:64].decode(errors="replace") + (" ..." if len(data) > 64 else "")
        raise bad_request(
            f"the object provided is unrecognized (must be of type {resource.kind}): "
            "couldn't get version/kind; json parse error: "
            f"{go_json_error(data, exc)} ({shown})"
        ) from exc
    if not isinstance(value, dict):
        raise bad_request("the body of the request is not an object")
    return value


def answer(
    value: Mapping[str, Any],
    code: int = 200,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """A JSON answer as the real server sends it: compact, one line."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"
    return web.Response(
        body=body,
        status=code,
        content_type="application/json",
        headers={"Cache-Control": "no-cache, private", **(headers or {})},
    )

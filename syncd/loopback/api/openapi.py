"""The OpenAPI documents: what kubectl checks a manifest by before it sends it."""

from functools import cache
from typing import Any

from syncd.loopback.catalog import Catalog, Resource, catalog
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects.schema import Shape, Struct, Type, struct


Document = dict[str, Any]
_APPLY = "application/apply-patch+yaml"
_PATCH_TYPES = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    _APPLY,
]
_WRITE_PARAMETERS = ("dryRun", "fieldManager")


def _parameters(dialect: Dialect) -> tuple[str, ...]:
    # fieldValidation is how kubectl learns that the server itself checks fields.
    return (
        (*_WRITE_PARAMETERS, "fieldValidation") if dialect.modern else _WRITE_PARAMETERS
    )


@cache
def version_2(dialect: Dialect) -> Document:
    """The one document of OpenAPI v2 (Swagger)."""
    served = catalog(dialect)
    return {
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": dialect.git_version},
        "paths": {
            _item_path(resource): {
                "patch": {
                    "operationId": f"patch{resource.kind}",
                    "consumes": _PATCH_TYPES,
                    "produces": ["application/json"],
                    "parameters": [
                        {"name": name, "in": "query", "type": "string"}
                        for name in _parameters(dialect)
                    ],
                    "responses": {"200": {"description": "OK"}},
                    "x-kubernetes-action": "patch",
                    "x-kubernetes-group-version-kind": _gvk(resource),
                }
            }
            for resource in served
            if resource.stored
        },
        "definitions": _definitions(served, "#/definitions/"),
    }


def version_3_index(dialect: Dialect) -> Document:
    """The index of the documents of OpenAPI v3, one for each group version."""
    return {
        "paths": {
            _group_path(group, version): {
                "serverRelativeURL": f"/openapi/v3/{_group_path(group, version)}"
            }
            for group, version in catalog(dialect).group_versions()
        }
    }


def _group_path(group: str, version: str) -> str:
    return f"apis/{group}/{version}" if group else f"api/{version}"


def version_3(dialect: Dialect, path: str) -> Document | None:
    """The document of one group version, or None."""
    served = catalog(dialect)
    for group, version in served.group_versions():
        if _group_path(group, version) == path:
            chosen = [r for r in served if (r.group, r.version) == (group, version)]
            return _document_3(dialect, Catalog(tuple(chosen)))
    return None


def _document_3(dialect: Dialect, served: Catalog) -> Document:
    return {
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": dialect.git_version},
        "paths": {
            _item_path(resource): {
                "patch": {
                    "operationId": f"patch{resource.kind}",
                    "parameters": [
                        {"name": name, "in": "query", "schema": {"type": "string"}}
                        for name in _parameters(dialect)
                    ],
                    "requestBody": {
                        "content": {kind: {"schema": {}} for kind in _PATCH_TYPES}
                    },
                    "responses": {"200": {"description": "OK"}},
                    "x-kubernetes-action": "patch",
                    "x-kubernetes-group-version-kind": _gvk(resource),
                }
            }
            for resource in served
            if resource.stored
        },
        "components": {"schemas": _definitions(served, "#/components/schemas/")},
    }


def _item_path(resource: Resource) -> str:
    where = "/namespaces/{namespace}" if resource.namespaced else ""
    return f"{resource.prefix}{where}/{resource.plural}/{{name}}"


def _gvk(resource: Resource) -> dict[str, str]:
    return {
        "group": resource.group,
        "version": resource.version,
        "kind": resource.kind,
    }


def _definitions(served: Catalog, prefix: str) -> Document:
    definitions: Document = {}
    todo = [resource.model for resource in served]
    while todo:
        model = todo.pop()
        if _name(model) not in definitions:
            found = struct(model)
            definitions[_name(model)] = _definition(found, prefix)
            todo += [name for kind in found.fields.values() for name in _models(kind)]
    for resource in served:
        marks = definitions[_name(resource.model)]
        marks["x-kubernetes-group-version-kind"] = [_gvk(resource)]
    return definitions


def _models(kind: Type) -> list[str]:
    if kind.shape is Shape.STRUCT:
        return [kind.model]
    return _models(kind.item) if kind.item is not None else []


def _name(model: str) -> str:
    return f"io.k8s.{model}"


def _definition(found: Struct, prefix: str) -> Document:
    schema: Document = {
        "type": "object",
        "properties": {
            name: _schema(kind, prefix) for name, kind in found.fields.items()
        },
    }
    if found.required:
        schema["required"] = sorted(found.required)
    return schema


def _schema(kind: Type, prefix: str) -> Document:
    match kind.shape:
        case Shape.STRUCT:
            return {"$ref": f"{prefix}{_name(kind.model)}", **_marks(kind)}
        case Shape.LIST if kind.item is not None:
            return {
                "type": "array",
                "items": _schema(kind.item, prefix),
                **_marks(kind),
            }
        case Shape.MAP if kind.item is not None:
            inner = _schema(kind.item, prefix)
            return {"type": "object", "additionalProperties": inner}
        case Shape.ANY:
            return {}
        case _:
            form = {"format": kind.format} if kind.format else {}
            return {"type": kind.shape.value, **form}


def _marks(kind: Type) -> Document:
    marks: Document = {}
    strategies = ["merge"] if kind.merge_key or kind.unique else []
    if kind.retain:
        strategies.append("retainKeys")
    if strategies:
        marks["x-kubernetes-patch-strategy"] = ",".join(strategies)
    if kind.merge_key:
        marks["x-kubernetes-patch-merge-key"] = kind.merge_key
        marks["x-kubernetes-list-map-keys"] = list(kind.keys)
        marks["x-kubernetes-list-type"] = "map"
    elif kind.unique:
        marks["x-kubernetes-list-type"] = "set"
    return marks

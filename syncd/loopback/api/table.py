"""Answers as a `Table`, which is what kubectl asks for to print."""

from typing import Any

from syncd.loopback.api.printers import PLAIN, PRINTERS
from syncd.loopback.store import Object


def as_table(
    kind: str, value: Object, version: str, *, include: str = "", head: bool = True
) -> dict[str, Any]:
    """The table of an object or list.

    Args:
        kind: The kind of the object, or of the elements of the list.
        value: An object or a list of them.
        version: Of `meta.k8s.io`, as the client asked.
        include: `Object`, `None`, or else the metadata of each object only.
        head: Say what the columns are; in a watch only the first event does.
    """
    printer = PRINTERS.get(kind, PLAIN)
    metadata = value["metadata"]
    if "items" not in value:
        metadata = {"resourceVersion": metadata.get("resourceVersion", "")}
    columns = [
        {
            "name": column.name,
            "type": column.kind,
            "format": "name" if column.name == "Name" else "",
            "description": "",
            "priority": column.priority,
        }
        for column in printer.columns
    ]
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{version}",
        "metadata": metadata,
        "columnDefinitions": columns if head else [],
        "rows": [
            {"cells": printer.cells(obj), **_embedded(obj, version, include)}
            for obj in value.get("items", [value])
        ],
    }


def _embedded(obj: Object, version: str, include: str) -> dict[str, Any]:
    match include:
        case "None":
            return {"object": None}
        case "Object":
            return {"object": obj}
        case _:
            partial = {
                "kind": "PartialObjectMetadata",
                "apiVersion": f"meta.k8s.io/{version}",
                "metadata": obj["metadata"],
            }
            return {"object": partial}

"""The fields of every served kind, read off the models of the Kubernetes client.

One description serves four ends: unknown fields are found and dropped, strategic
merge and server-side apply know which lists are maps in disguise, and the OpenAPI
documents say all of this to kubectl. The models know types and what is required;
how lists merge is not in them, so the table below says it.
"""

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any


Json = Any  # a value as json.loads returns it


class Shape(StrEnum):
    """What JSON value a field holds."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ANY = "any"
    STRUCT = "struct"
    MAP = "map"
    LIST = "list"


@dataclass(frozen=True, slots=True)
class Type:
    """The type of one field.

    Attributes:
        model: The struct's name, for STRUCT.
        item: The type of the elements, for MAP and LIST.
        keys: A LIST with these is a map: elements with equal keys are the same one.
        merge_key: The single key that strategic merge goes by.
        unique: A LIST that is a set of scalars.
        atomic: Owned and replaced as a whole by server-side apply.
        retain: Strategic merge drops the fields that the patch's retainKeys omits.
        format: As in OpenAPI: `date-time`, `byte`, …
    """

    shape: Shape
    model: str = ""
    item: "Type | None" = None
    keys: tuple[str, ...] = ()
    merge_key: str = ""
    unique: bool = False
    atomic: bool = False
    retain: bool = False
    format: str = ""


@dataclass(frozen=True, slots=True)
class Struct:
    """The fields of one model, by their names in JSON."""

    name: str
    fields: Mapping[str, Type]
    required: frozenset[str]


STRING = Type(Shape.STRING)
ANY = Type(Shape.ANY)

# (struct, field) -> keys of the list; the first is what strategic merge goes by.
_KEYED: dict[tuple[str, str], tuple[str, ...]] = {
    ("V1Container", "env"): ("name",),
    ("V1Container", "ports"): ("containerPort", "protocol"),
    ("V1Container", "volumeDevices"): ("devicePath",),
    ("V1Container", "volumeMounts"): ("mountPath",),
    ("V1EphemeralContainer", "env"): ("name",),
    ("V1EphemeralContainer", "ports"): ("containerPort", "protocol"),
    ("V1EphemeralContainer", "volumeDevices"): ("devicePath",),
    ("V1EphemeralContainer", "volumeMounts"): ("mountPath",),
    ("V1ObjectMeta", "ownerReferences"): ("uid",),
    ("V1NodeStatus", "addresses"): ("type",),
    ("V1PodSpec", "containers"): ("name",),
    ("V1PodSpec", "ephemeralContainers"): ("name",),
    ("V1PodSpec", "hostAliases"): ("ip",),
    ("V1PodSpec", "imagePullSecrets"): ("name",),
    ("V1PodSpec", "initContainers"): ("name",),
    ("V1PodSpec", "topologySpreadConstraints"): ("topologyKey", "whenUnsatisfiable"),
    ("V1PodSpec", "volumes"): ("name",),
    ("V1PodStatus", "podIPs"): ("ip",),
    ("V1ServiceAccount", "secrets"): ("name",),
    ("V1ServiceSpec", "ports"): ("port", "protocol"),
}
_SETS = {
    ("V1ObjectMeta", "finalizers"),
    ("V1NodeSpec", "podCIDRs"),
    ("V1Endpoint", "addresses"),
}
_ATOMIC_STRUCTS = {
    "V1ConfigMapKeySelector",
    "V1LabelSelector",
    "V1LocalObjectReference",
    "V1NodeSelector",
    "V1NodeSelectorTerm",
    "V1ObjectFieldSelector",
    "V1ObjectReference",
    "V1ResourceFieldSelector",
    "V1RoleRef",
    "V1SecretKeySelector",
    "V1TypedLocalObjectReference",
}
_RETAINED = {("V1PodSpec", "volumes"), ("V1DeploymentSpec", "strategy")}
_SCALARS = {
    "str": STRING,
    "int": Type(Shape.INTEGER),
    "float": Type(Shape.NUMBER),
    "bool": Type(Shape.BOOLEAN),
    "bytes": Type(Shape.STRING, format="byte"),
    "datetime": Type(Shape.STRING, format="date-time"),
    "object": ANY,
}


@cache
def struct(model: str) -> Struct:
    """The fields of `model`, a class of the Kubernetes client."""
    client = importlib.import_module("kubernetes.aio.client")
    cls = getattr(client, model)
    names: dict[str, str] = cls.attribute_map
    declared = getattr(cls, "model_fields", {})
    return Struct(
        model,
        {
            names[attribute]: _field(model, names[attribute], text)
            for attribute, text in cls.openapi_types.items()
        },
        frozenset(
            names[attribute]
            for attribute, info in declared.items()
            if info.is_required()
        ),
    )


def _field(model: str, name: str, text: str) -> Type:
    found = _type(text)
    place = (model, name)
    keys = _KEYED.get(place, ())
    if name == "conditions" and found.shape is Shape.LIST:
        keys = ("type",)
    return Type(
        found.shape,
        model=found.model,
        item=found.item,
        keys=keys,
        merge_key=keys[0] if keys else "",
        unique=place in _SETS,
        atomic=found.atomic,
        retain=place in _RETAINED,
        format=found.format,
    )


@cache
def _type(text: str) -> Type:
    if text in _SCALARS:
        return _SCALARS[text]
    if found := re.fullmatch(r"[Ll]ist\[(.+)\]", text):
        return Type(Shape.LIST, item=_type(found[1]))
    if found := re.fullmatch(r"(?:Dict\[|dict\()str, (.+)[\])]", text):
        return Type(Shape.MAP, item=_type(found[1]))
    return Type(Shape.STRUCT, model=text, atomic=text in _ATOMIC_STRUCTS)


def field_of(parent: Type, name: str) -> Type:
    """The type of `name` inside a value of type `parent`; ANY if unknown."""
    if parent.shape is Shape.STRUCT:
        return struct(parent.model).fields.get(name, ANY)
    if parent.shape is Shape.MAP and parent.item is not None:
        return parent.item
    return ANY


def item_of(parent: Type) -> Type:
    """The type of the elements of a list; ANY if unknown."""
    return parent.item if parent.item is not None else ANY


def root(model: str) -> Type:
    """The type of a whole object."""
    return Type(Shape.STRUCT, model=model)

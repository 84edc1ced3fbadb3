"""Label and field selectors: text in, a predicate out, errors in the server's words."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.loopback.apierror import bad_request
from syncd.loopback.catalog import Resource


Object = dict[str, Any]
Match = Callable[[Object], bool]

_TOKEN = re.compile(r"\s*(==|!=|[=!<>(),]|[^\s=!<>(),]+)")
_SYMBOLS = frozenset({"==", "!=", "=", "!", "<", ">", "(", ")", ","})
_END = ""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One clause of a label selector."""

    key: str
    operator: str
    values: frozenset[str] = frozenset()

    def holds(self, labels: Mapping[str, str]) -> bool:
        """True if `labels` meet the clause."""
        value = labels.get(self.key)
        match self.operator:
            case "exists":
                return value is not None
            case "!":
                return value is None
            case "in":
                return value in self.values
            case "notin":
                return value not in self.values
            case _:
                return value is not None and self._compares(value)

    def _compares(self, value: str) -> bool:
        bound = next(iter(self.values))
        if not (value.isdecimal() and bound.isdecimal()):
            return False
        return (
            int(value) > int(bound) if self.operator == ">" else int(value) < int(bound)
        )


def everything(_: Object) -> bool:
    """The selector that selects all."""
    return True


def label_match(text: str) -> Match:
    """The predicate of a `labelSelector` parameter.

    Raises:
        ApiError: 400 if it cannot be parsed.
    """
    if not text.strip():
        return everything
    requirements = tuple(_Labels(text).requirements())

    def match(obj: Object) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(requirement.holds(labels) for requirement in requirements)

    return match


def selector_match(selector: Mapping[str, Any] | None) -> Match:
    """The predicate of a LabelSelector object; an absent one selects nothing."""
    if selector is None:
        return lambda _: False
    wanted = [
        Requirement(key, "in", frozenset({value}))
        for key, value in (selector.get("matchLabels") or {}).items()
    ]
    operators = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
    wanted += [
        Requirement(
            item["key"],
            operators[item["operator"]],
            frozenset(item.get("values") or ()),
        )
        for item in selector.get("matchExpressions") or ()
    ]
    return lambda obj: all(
        requirement.holds(obj["metadata"].get("labels") or {}) for requirement in wanted
    )


class _Labels:
    """A recursive-descent parser of label selectors."""

    def __init__(self, text: str) -> None:
        self._tokens = _TOKEN.findall(text)
        self._at = 0

    def requirements(self) -> Iterator[Requirement]:
        while True:
            yield self._requirement()
            if (word := self._next()) == _END:
                return
            if word != ",":
                raise bad_request(f"found '{word}', expected: ',' or 'end of string'")
            if self._peek() == _END:
                raise bad_request("found '', expected: identifier after ','")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _next(self) -> str:
        word = self._peek()
        self._at += 1
        return word

    def _identifier(self) -> str:
        word = self._next()
        if word in _SYMBOLS or word == _END:
            raise bad_request(
                f"unable to parse requirement: found '{word}', expected: identifier"
            )
        return word

    def _requirement(self) -> Requirement:
        if self._peek() == "!":
            self._next()
            return Requirement(self._identifier(), "!")
        key = self._identifier()
        if self._peek() in {_END, ","}:
            return Requirement(key, "exists")
        return self._comparison(key, self._next())

    def _comparison(self, key: str, operator: str) -> Requirement:
        match operator:
            case "in" | "notin":
                return Requirement(key, operator, self._values())
            case "=" | "==":
                return Requirement(key, "in", frozenset({self._exact()}))
            case "!=":
                return Requirement(key, "notin", frozenset({self._exact()}))
            case "<" | ">":
                return Requirement(key, operator, frozenset({self._identifier()}))
            case _:
                raise bad_request(
                    f"unable to parse requirement: found '{operator}', expected: "
                    "in, notin, =, ==, !=, gt, lt"
                )

    def _exact(self) -> str:
        return "" if self._peek() in {_END, ","} else self._identifier()

    def _values(self) -> frozenset[str]:
        if (word := self._next()) != "(":
            raise bad_request(
                f"unable to parse requirement: found '{word}' expected: '('"
            )
        values = {self._exact_in_set()}
        while (word := self._next()) == ",":
            values.add(self._exact_in_set())
        if word != ")":
            raise bad_request(
                f"unable to parse requirement: found '{word}', expected: ',' or ')'"
            )
        return frozenset(values)

    def _exact_in_set(self) -> str:
        return "" if self._peek() in {",", ")"} else self._identifier()


_FIELDS: dict[str, tuple[str, ...]] = {
    "pods": (
        "spec.nodeName",
        "spec.restartPolicy",
        "spec.schedulerName",
        "spec.serviceAccountName",
        "spec.hostNetwork",
        "status.phase",
        "status.podIP",
        "status.podIPs",
        "status.nominatedNodeName",
    ),
    "events": (
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source",
        "type",
    ),
    "secrets": ("type",),
    "namespaces": ("status.phase",),
    "nodes": ("spec.unschedulable",),
    "replicasets": ("status.replicas",),
}


def field_match(text: str, resource: Resource) -> Match:
    """The predicate of a `fieldSelector` parameter.

    Raises:
        ApiError: 400 if it cannot be parsed or names an unsupported field.
    """
    clauses = [_clause(part, resource) for part in text.split(",") if part.strip()]
    if not clauses:
        return everything
    return lambda obj: all(
        (_field(obj, path) == value) is equal for path, value, equal in clauses
    )


def _clause(part: str, resource: Resource) -> tuple[str, str, bool]:
    found = re.fullmatch(r"\s*([^=!]+?)\s*(==|!=|=)\s*(.*?)\s*", part)
    if found is None:
        raise bad_request(f"invalid selector: '{part}'; can't understand '{part}'")
    path, operator, value = found.groups()
    known = ("metadata.name", "metadata.namespace", *_FIELDS.get(resource.plural, ()))
    if path not in known:
        raise bad_request(f"field label not supported: {path}")
    return path, value, operator != "!="


def _field(obj: Object, path: str) -> str:
    value: Any = obj
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    if path == "source":
        value = (obj.get("source") or {}).get("component")
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)

"""What an HTTP request asks of the API: the path taken apart, the verb found."""

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.loopback.access.rbac import Attributes


_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}
# What follows `/namespaces/NAME` and is not a namespaced resource.
_OF_NAMESPACES = {"status", "finalize"}


@dataclass(frozen=True, slots=True)
class Target:
    """The resource, object or plain path that a request is about."""

    verb: str
    path: str
    group: str = ""
    version: str = ""
    plural: str = ""
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def attributes(self) -> Attributes:
        """As authorization sees it."""
        if not self.plural:
            return Attributes(self.verb, path=self.path)
        return Attributes(
            self.verb,
            self.group,
            self.plural,
            self.subresource,
            self.namespace,
            self.name,
        )


def parse(method: str, path: str, query: Mapping[str, str]) -> Target:
    """Take a request line apart; what is no resource keeps only its path."""
    verb = _VERBS.get(method, method.lower())
    plain = Target(verb, path)
    parts = [part for part in path.split("/") if part]
    match parts:
        case ["api", version, *rest] if rest:
            group = ""
        case ["apis", group, version, *rest] if rest:
            pass
        case _:
            return plain
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _OF_NAMESPACES:
            rest = rest[2:]
    name = rest[1] if len(rest) > 1 else ""
    if not name:
        verb = _of_collection(verb, query)
        name = _single_name(query) if verb in {"list", "watch"} else ""
    subresource = rest[2] if len(rest) > 2 else ""
    return Target(verb, path, group, version, rest[0], namespace, name, subresource)


def _of_collection(verb: str, query: Mapping[str, str]) -> str:
    match verb:
        case "get":
            return "watch" if is_true(query.get("watch", "")) else "list"
        case "delete":
            return "deletecollection"
        case _:
            return verb


def _single_name(query: Mapping[str, str]) -> str:
    # A list of one named object is authorized as that object, by resourceNames.
    for clause in query.get("fieldSelector", "").split(","):
        key, _, value = clause.partition("=")
        if key == "metadata.name":
            return value.removeprefix("=")
    return ""


def is_true(text: str) -> bool:
    """A boolean parameter: `1`, `true`."""
    return text.lower() in {"1", "true", "t"}

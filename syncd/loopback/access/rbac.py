"""Role-based access: the stored roles and bindings, asked for real."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.loopback.access.bootstrap import Rule, bootstrap_roles
from syncd.loopback.access.identity import User
from syncd.loopback.apierror import ApiError, forbidden
from syncd.loopback.catalog import Catalog, Resource
from syncd.loopback.store import Object, Store


_GROUP = "rbac.authorization.k8s.io"


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a caller wants to do, as rules speak of it."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def full_resource(self) -> str:
        """`pods`, `pods/exec`."""
        return (
            f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        )


@dataclass(frozen=True, slots=True)
class Decision:
    """Allowed or not, and by which binding."""

    allowed: bool
    reason: str = ""


class Rbac:
    """Decides by the roles and bindings that the store holds."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._roles = catalog.named("roles")
        self._cluster_roles = catalog.named("clusterroles")
        self._bindings = catalog.named("rolebindings")
        self._cluster_bindings = catalog.named("clusterrolebindings")

    def bootstrap(self) -> None:
        """Create the roles that every cluster is born with."""
        for name, rules in bootstrap_roles().items():
            self._create(self._cluster_roles, name, {"rules": rules})
        for name, group in (
            ("cluster-admin", "system:masters"),
            ("system:basic-user", "system:authenticated"),
            ("system:discovery", "system:authenticated"),
            ("system:public-info-viewer", "system:authenticated"),
            ("system:public-info-viewer", "system:unauthenticated"),
        ):
            self._bind(name, group)

    def decide(self, user: User, wanted: Attributes) -> Decision:
        """Whether `user` may do what is `wanted`."""
        if user.is_master:
            return Decision(allowed=True)
        missing = []
        for binding, subject, role in self._grants(user, wanted.namespace):
            if isinstance(role, str):
                missing.append(role)
            elif any(_covers(rule, wanted) for rule in role.get("rules") or ()):
                return Decision(True, _allowed_by(binding, subject))  # noqa: FBT003  its first field
        return Decision(False, f"RBAC: {missing[0]}" if missing else "")  # noqa: FBT003  its first field

    def check(self, user: User, wanted: Attributes) -> None:
        """Refuse what is not allowed.

        Raises:
            ApiError: 403 in the server's words.
        """
        decision = self.decide(user, wanted)
        if not decision.allowed:
            raise denial(user, wanted, decision.reason)

    def rules_for(self, user: User, namespace: str) -> list[Rule]:
        """Every rule that holds for `user` in `namespace`."""
        if user.is_master:
            return [
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                {"verbs": ["*"], "nonResourceURLs": ["*"]},
            ]
        return [
            rule
            for _, _, role in self._grants(user, namespace)
            if not isinstance(role, str)
            for rule in role.get("rules") or ()
        ]

    def _grants(
        self, user: User, namespace: str
    ) -> Iterator[tuple[Object, Rule, Object | str]]:
        bindings = self._store.all(self._cluster_bindings)
        if namespace:
            bindings += self._store.all(self._bindings, namespace)
        for binding in bindings:
            for subject in binding.get("subjects") or ():
                if _names(subject, user, binding["metadata"].get("namespace", "")):
                    yield binding, subject, self._role(binding)
                    break

    def _role(self, binding: Object) -> Object | str:
        ref, namespace = binding["roleRef"], binding["metadata"].get("namespace", "")
        if ref["kind"] == "ClusterRole":
            found = self._store.get(self._cluster_roles, "", ref["name"])
        else:
            found = self._store.get(self._roles, namespace, ref["name"])
        return found or f'{ref["kind"].lower()}.{_GROUP} "{ref["name"]}" not found'

    def _create(self, resource: Resource, name: str, body: Object) -> None:
        labels = {"kubernetes.io/bootstrapping": "rbac-defaults"}
        head = {"kind": resource.kind, "apiVersion": resource.api_version}
        metadata = {"name": name, "labels": labels}
        self._store.create(resource, {**head, "metadata": metadata, **body})

    def _bind(self, role: str, group: str) -> None:
        existing = self._store.get(self._cluster_bindings, "", role)
        subject = {"kind": "Group", "apiGroup": _GROUP, "name": group}
        ref = {"apiGroup": _GROUP, "kind": "ClusterRole", "name": role}
        if existing:
            subjects = [*existing["subjects"], subject]
            self._store.replace(
                self._cluster_bindings, {**existing, "subjects": subjects}
            )
        else:
            body = {"roleRef": ref, "subjects": [subject]}
            self._create(self._cluster_bindings, role, body)


def denial(user: User, wanted: Attributes, reason: str = "") -> ApiError:
    """The 403 that says who cannot do what and where."""
    tail = f": {reason}" if reason else ""
    if wanted.path:
        why = f'User "{user.name}" cannot {wanted.verb} path "{wanted.path}"{tail}'
        return ApiError(403, "Forbidden", f"forbidden: {why}", details={})
    where = (
        f'in the namespace "{wanted.namespace}"'
        if wanted.namespace
        else "at the cluster scope"
    )
    why = (
        f'User "{user.name}" cannot {wanted.verb} resource "{wanted.full_resource}" '
        f'in API group "{wanted.group}" {where}{tail}'
    )
    return refused(wanted, why)


def refused(wanted: Attributes, why: str) -> ApiError:
    """A 403 about the object or resource that is `wanted`."""
    kind = f"{wanted.resource}.{wanted.group}" if wanted.group else wanted.resource
    details: dict[str, Any] = {"name": wanted.name} if wanted.name else {}
    if wanted.group:
        details["group"] = wanted.group
    details["kind"] = wanted.resource
    subject = f'{kind} "{wanted.name}"' if wanted.name else kind
    return forbidden(subject, why, details)


def _names(subject: Rule, user: User, namespace: str) -> bool:
    match subject["kind"]:
        case "User":
            return bool(subject["name"] == user.name)
        case "Group":
            return subject["name"] in user.groups
        case _:
            where = subject.get("namespace") or namespace
            return user.name == f"system:serviceaccount:{where}:{subject['name']}"


def _covers(rule: Rule, wanted: Attributes) -> bool:
    if not _has(rule.get("verbs"), wanted.verb):
        return False
    if wanted.path:
        return any(
            wanted.path == url
            or (url.endswith("*") and wanted.path.startswith(url[:-1]))
            for url in rule.get("nonResourceURLs") or ()
        )
    names = rule.get("resourceNames") or ()
    return (
        _has(rule.get("apiGroups"), wanted.group)
        and _has_resource(rule.get("resources") or (), wanted)
        and (not names or wanted.name in names)
    )


def _has(values: Sequence[str] | None, wanted: str) -> bool:
    return values is not None and ("*" in values or wanted in values)


def _has_resource(resources: Sequence[str], wanted: Attributes) -> bool:
    if "*" in resources or wanted.full_resource in resources:
        return True
    return bool(wanted.subresource) and f"*/{wanted.subresource}" in resources


def _allowed_by(binding: Object, subject: Rule) -> str:
    metadata, ref = binding["metadata"], binding["roleRef"]
    name = metadata["name"]
    if namespace := metadata.get("namespace"):
        name = f"{name}/{namespace}"
    who = subject["name"]
    if subject["kind"] == "ServiceAccount":
        who = f"{who}/{subject.get('namespace') or namespace}"
    return (
        f'RBAC: allowed by {binding["kind"]} "{name}" of {ref["kind"]} '
        f'"{ref["name"]}" to {subject["kind"]} "{who}"'
    )

"""The resources that the embedded cluster serves, one line each."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from syncd.loopback.dialect import Dialect


CRUD = (
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
)
REVIEW = ("create",)


@dataclass(frozen=True, slots=True)
class Resource:
    """One served resource: a row of discovery.

    Attributes:
        model: The class of the Kubernetes client that describes the kind's fields.
        subresources: What can follow the name in a path.
    """

    group: str
    version: str
    plural: str
    kind: str
    model: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = CRUD

    @property
    def api_version(self) -> str:
        """As it stands in an object: `v1`, `apps/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """As it stands in messages: `pods`, `deployments.apps`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def qualified_kind(self) -> str:
        """As it stands in messages about fields: `Pod`, `Deployment.apps`."""
        return f"{self.kind}.{self.group}" if self.group else self.kind

    @property
    def singular(self) -> str:
        """The name for one of them."""
        return self.kind.lower()

    @property
    def prefix(self) -> str:
        """The start of its paths: `/api/v1`, `/apis/apps/v1`."""
        return f"/apis/{self.api_version}" if self.group else f"/api/{self.version}"

    @property
    def stored(self) -> bool:
        """False for reviews, which are answered and forgotten."""
        return "list" in self.verbs


class Catalog:
    """All resources of one dialect, found by path or by kind."""

    def __init__(self, resources: tuple[Resource, ...]) -> None:
        self._resources = resources
        self._by_path = {(r.group, r.version, r.plural): r for r in resources}
        self._by_kind = {(r.api_version, r.kind): r for r in resources}

    def __iter__(self) -> Iterator[Resource]:
        return iter(self._resources)

    def at(self, group: str, version: str, plural: str) -> Resource | None:
        """The resource of a path, or None."""
        return self._by_path.get((group, version, plural))

    def of_kind(self, api_version: str, kind: str) -> Resource | None:
        """The resource of an object, or None."""
        return self._by_kind.get((api_version, kind))

    def named(self, plural: str) -> Resource:
        """The resource of a plural that is known to be served."""
        return next(r for r in self._resources if r.plural == plural)

    def group_versions(self) -> list[tuple[str, str]]:
        """Every (group, version) in order of first mention, core first."""
        return list(dict.fromkeys((r.group, r.version) for r in self._resources))


_SCALED = ("scale", "status")
_POD = ("attach", "eviction", "exec", "log", "portforward", "status")
_RBAC = "rbac.authorization.k8s.io"


@cache
def catalog(dialect: Dialect) -> Catalog:
    """What a cluster of `dialect` serves."""
    return Catalog((*_core(), *_apps(), *_others(dialect), *_reviews(dialect)))


def _core() -> tuple[Resource, ...]:
    def core(plural: str, kind: str, **more: object) -> Resource:
        return Resource("", "v1", plural, kind, f"V1{kind}", **more)  # type: ignore[arg-type]  # keywords of Resource

    return (
        core("configmaps", "ConfigMap", short=("cm",)),
        core("endpoints", "Endpoints", short=("ep",)),
        Resource("", "v1", "events", "Event", "CoreV1Event", short=("ev",)),
        core(
            "namespaces",
            "Namespace",
            short=("ns",),
            namespaced=False,
            subresources=("finalize", "status"),
        ),
        core(
            "nodes",
            "Node",
            short=("no",),
            namespaced=False,
            subresources=("status",),
        ),
        core(
            "persistentvolumeclaims",
            "PersistentVolumeClaim",
            short=("pvc",),
            subresources=("status",),
        ),
        core("pods", "Pod", short=("po",), categories=("all",), subresources=_POD),
        core("secrets", "Secret"),
        core(
            "serviceaccounts",
            "ServiceAccount",
            short=("sa",),
            subresources=("token",),
        ),
        core(
            "services",
            "Service",
            short=("svc",),
            categories=("all",),
            subresources=("status",),
        ),
    )


def _apps() -> tuple[Resource, ...]:
    def apps(plural: str, kind: str, *short: str, sub: tuple[str, ...]) -> Resource:
        return Resource(
            "apps",
            "v1",
            plural,
            kind,
            f"V1{kind}",
            short=short,
            categories=("all",) if sub else (),
            subresources=sub,
        )

    return (
        apps("controllerrevisions", "ControllerRevision", sub=()),
        apps("deployments", "Deployment", "deploy", sub=_SCALED),
        apps("replicasets", "ReplicaSet", "rs", sub=_SCALED),
        apps("statefulsets", "StatefulSet", "sts", sub=_SCALED),
    )


def _others(dialect: Dialect) -> tuple[Resource, ...]:
    young = "v1" if dialect.modern else "v1beta1"
    return (
        Resource("coordination.k8s.io", "v1", "leases", "Lease", "V1Lease"),
        Resource(
            "discovery.k8s.io",
            young,
            "endpointslices",
            "EndpointSlice",
            "V1EndpointSlice",
        ),
        Resource(
            "networking.k8s.io",
            "v1",
            "ingresses",
            "Ingress",
            "V1Ingress",
            short=("ing",),
            subresources=("status",),
        ),
        Resource(
            "networking.k8s.io",
            "v1",
            "networkpolicies",
            "NetworkPolicy",
            "V1NetworkPolicy",
            short=("netpol",),
        ),
        Resource(
            "policy",
            young,
            "poddisruptionbudgets",
            "PodDisruptionBudget",
            "V1PodDisruptionBudget",
            short=("pdb",),
            subresources=("status",),
        ),
        Resource(
            _RBAC,
            "v1",
            "clusterrolebindings",
            "ClusterRoleBinding",
            "V1ClusterRoleBinding",
            namespaced=False,
        ),
        Resource(
            _RBAC,
            "v1",
            "clusterroles",
            "ClusterRole",
            "V1ClusterRole",
            namespaced=False,
        ),
        Resource(_RBAC, "v1", "rolebindings", "RoleBinding", "V1RoleBinding"),
        Resource(_RBAC, "v1", "roles", "Role", "V1Role"),
    )


def _reviews(dialect: Dialect) -> tuple[Resource, ...]:
    def review(group: str, plural: str, kind: str, *, ns: bool = False) -> Resource:
        return Resource(
            group, "v1", plural, kind, f"V1{kind}", namespaced=ns, verbs=REVIEW
        )

    authn, authz = "authentication.k8s.io", "authorization.k8s.io"
    whoami = review(authn, "selfsubjectreviews", "SelfSubjectReview")
    return (
        review(authn, "tokenreviews", "TokenReview"),
        *((whoami,) if dialect.modern else ()),
        review(authz, "selfsubjectaccessreviews", "SelfSubjectAccessReview"),
        review(authz, "selfsubjectrulesreviews", "SelfSubjectRulesReview"),
        review(authz, "subjectaccessreviews", "SubjectAccessReview"),
    )

"""The roles that every cluster is born with, as far as they concern what is served."""

from collections.abc import Sequence
from typing import Any


Rule = dict[str, Any]
_GROUP = "rbac.authorization.k8s.io"
_DISCOVERY = (
    "/api",
    "/api/*",
    "/apis",
    "/apis/*",
    "/healthz",
    "/livez",
    "/openapi",
    "/openapi/*",
    "/readyz",
    "/version",
    "/version/",
)
_PUBLIC = ("/healthz", "/livez", "/readyz", "/version", "/version/")
_READ = ["get", "list", "watch"]
_WRITE = ["create", "delete", "deletecollection", "patch", "update"]
_WORKLOADS = ["deployments", "deployments/scale", "replicasets", "statefulsets"]
_STREAMS = ["pods/attach", "pods/exec", "pods/portforward"]


def bootstrap_roles() -> dict[str, list[Rule]]:
    """The rules of each bootstrapped ClusterRole, by its name."""

    def rule(verbs: Sequence[str], group: str, *resources: str) -> Rule:
        return {
            "verbs": list(verbs),
            "apiGroups": [group],
            "resources": list(resources),
        }

    def urls(*paths: str) -> Rule:
        return {"verbs": ["get"], "nonResourceURLs": list(paths)}

    objects = ["configmaps", "endpoints", "pods", "pods/log", "pods/status"]
    objects += ["persistentvolumeclaims", "serviceaccounts", "services"]
    view = [
        rule(_READ, "", *objects, "events", "namespaces"),
        rule(_READ, "apps", *_WORKLOADS),
        rule(_READ, "discovery.k8s.io", "endpointslices"),
        rule(_READ, "networking.k8s.io", "ingresses", "networkpolicies"),
    ]
    edit = [
        *view,
        rule([*_READ, *_WRITE], "", *objects, *_STREAMS, "secrets", "pods/eviction"),
        rule(_WRITE, "apps", *_WORKLOADS),
        rule(_WRITE, "networking.k8s.io", "ingresses", "networkpolicies"),
    ]
    admin = [*edit, rule([*_READ, *_WRITE], _GROUP, "roles", "rolebindings")]
    review = "authorization.k8s.io"
    return {
        "cluster-admin": [
            {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
            {"verbs": ["*"], "nonResourceURLs": ["*"]},
        ],
        "admin": admin,
        "edit": edit,
        "view": view,
        "system:basic-user": [
            rule(
                ["create"],
                review,
                "selfsubjectaccessreviews",
                "selfsubjectrulesreviews",
            ),
            rule(["create"], "authentication.k8s.io", "selfsubjectreviews"),
        ],
        "system:discovery": [urls(*_DISCOVERY)],
        "system:public-info-viewer": [urls(*_PUBLIC)],
    }

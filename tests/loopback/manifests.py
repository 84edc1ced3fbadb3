"""Objects that tests create, as small as they can be."""

from typing import Any


def pod(name: str = "box", image: str = "box:1", **metadata: Any) -> dict[str, Any]:
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {"name": name, **metadata},
        "spec": {
            "containers": [{"name": "box", "image": image}],
            "terminationGracePeriodSeconds": 5,
        },
    }


def workload(kind: str, name: str = "web", **spec: Any) -> dict[str, Any]:
    image = spec.pop("image", "web:1")
    template = {
        "metadata": {"labels": {"app": name}},
        "spec": {
            "containers": [{"name": name, "image": image}],
            "terminationGracePeriodSeconds": 5,
        },
    }
    return {
        "kind": kind,
        "apiVersion": "apps/v1",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {
            "selector": {"matchLabels": {"app": name}},
            "template": template,
            **spec,
        },
    }


def deployment(name: str = "web", **spec: Any) -> dict[str, Any]:
    return workload("Deployment", name, **spec)


def config(name: str = "c1", **data: str) -> dict[str, Any]:
    return {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": name},
        "data": data,
    }


def namespace(name: str) -> dict[str, Any]:
    return {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": name}}


def account(name: str) -> dict[str, Any]:
    return {"kind": "ServiceAccount", "apiVersion": "v1", "metadata": {"name": name}}


def role(name: str, verbs: list[str], *resources: str) -> dict[str, Any]:
    rule = {"verbs": verbs, "apiGroups": [""], "resources": list(resources)}
    return {
        "kind": "Role",
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": name},
        "rules": [rule],
    }


def binding(name: str, account_name: str, role_name: str = "") -> dict[str, Any]:
    return {
        "kind": "RoleBinding",
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": name},
        "roleRef": {"kind": "Role", "name": role_name or name},
        "subjects": [{"kind": "ServiceAccount", "name": account_name}],
    }

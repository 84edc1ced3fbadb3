"""What the API serves, in the two forms that clients ask for: plain and aggregated."""

from typing import Any

from syncd.loopback.catalog import Catalog, Resource
from syncd.loopback.dialect import Dialect


# (resource, subresource) -> the kind of the subresource's body, if not the resource's.
_SUBKINDS = {
    "attach": ("", "v1", "PodAttachOptions"),
    "eviction": ("policy", "v1", "Eviction"),
    "exec": ("", "v1", "PodExecOptions"),
    "portforward": ("", "v1", "PodPortForwardOptions"),
    "scale": ("autoscaling", "v1", "Scale"),
    "token": ("authentication.k8s.io", "v1", "TokenRequest"),
}
_SUBVERBS = {
    "attach": ["create", "get"],
    "eviction": ["create"],
    "exec": ["create", "get"],
    "finalize": ["update"],
    "log": ["get"],
    "portforward": ["create", "get"],
    "token": ["create"],
}
_STATUS_VERBS = ["get", "patch", "update"]


def versions(address: str) -> dict[str, Any]:
    """The answer to `/api`."""
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [
            {"clientCIDR": "0.0.0.0/0", "serverAddress": address}
        ],
    }


def groups(catalog: Catalog) -> dict[str, Any]:
    """The answer to `/apis`."""
    named = [(g, v) for g, v in catalog.group_versions() if g]
    return {
        "kind": "APIGroupList",
        "apiVersion": "v1",
        "groups": [_group(name, version) for name, version in named],
    }


def group(catalog: Catalog, name: str) -> dict[str, Any] | None:
    """The answer to `/apis/GROUP`, or None if it is not served."""
    for known, version in catalog.group_versions():
        if known == name and name:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(name, version)}
    return None


def _group(name: str, version: str) -> dict[str, Any]:
    served = {"groupVersion": f"{name}/{version}", "version": version}
    return {"name": name, "versions": [served], "preferredVersion": served}


def resources(catalog: Catalog, name: str, version: str) -> dict[str, Any] | None:
    """The answer to `/api/v1` or `/apis/GROUP/VERSION`, or None."""
    served = [r for r in catalog if (r.group, r.version) == (name, version)]
    if not served:
        return None
    return {
        "kind": "APIResourceList",
        "groupVersion": served[0].api_version,
        "resources": [row for resource in served for row in _rows(resource)],
    }


def _rows(resource: Resource) -> list[dict[str, Any]]:
    row = {
        "name": resource.plural,
        "singularName": resource.singular,
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": list(resource.verbs),
    }
    if resource.short:
        row["shortNames"] = list(resource.short)
    if resource.categories:
        row["categories"] = list(resource.categories)
    return [row, *(_subrow(resource, name) for name in resource.subresources)]


def _subrow(resource: Resource, name: str) -> dict[str, Any]:
    row = {
        "name": f"{resource.plural}/{name}",
        "singularName": "",
        "namespaced": resource.namespaced,
        "kind": resource.kind,
        "verbs": _SUBVERBS.get(name, _STATUS_VERBS),
    }
    if name in _SUBKINDS:
        group_, version, kind = _SUBKINDS[name]
        row["kind"] = kind
        if group_ != resource.group:
            row |= {"group": group_, "version": version}
    return row


def aggregated(catalog: Catalog, *, core: bool, version: str) -> dict[str, Any]:
    """All of `/api` or of `/apis` in one answer.

    Args:
        catalog: What is served.
        core: The core group only, or every other.
        version: Of `apidiscovery.k8s.io`, as the client asked.
    """
    wanted = [(g, v) for g, v in catalog.group_versions() if (not g) is core]
    return {
        "kind": "APIGroupDiscoveryList",
        "apiVersion": f"apidiscovery.k8s.io/{version}",
        "metadata": {},
        "items": [
            {
                "metadata": {"name": name, "creationTimestamp": None} if name else {},
                "versions": [
                    {
                        "version": served,
                        "resources": [
                            _aggregated(r)
                            for r in catalog
                            if (r.group, r.version) == (name, served)
                        ],
                        "freshness": "Current",
                    }
                ],
            }
            for name, served in wanted
        ],
    }


def _aggregated(resource: Resource) -> dict[str, Any]:
    scope = "Namespaced" if resource.namespaced else "Cluster"
    row: dict[str, Any] = {
        "resource": resource.plural,
        "responseKind": _gvk(resource.group, resource.version, resource.kind),
        "scope": scope,
        "singularResource": resource.singular,
        "verbs": list(resource.verbs),
    }
    if resource.short:
        row["shortNames"] = list(resource.short)
    if resource.categories:
        row["categories"] = list(resource.categories)
    if resource.subresources:
        row["subresources"] = [
            {
                "subresource": name,
                "responseKind": _gvk(
                    *_SUBKINDS.get(
                        name, (resource.group, resource.version, resource.kind)
                    )
                ),
                "verbs": _SUBVERBS.get(name, _STATUS_VERBS),
            }
            for name in resource.subresources
        ]
    return row


def _gvk(group_: str, version: str, kind: str) -> dict[str, str]:
    return {"group": group_, "version": version, "kind": kind}


def build_info(dialect: Dialect) -> dict[str, str]:
    """The answer to `/version`."""
    return {
        "major": "1",
        "minor": str(dialect.minor),
        "gitVersion": dialect.git_version,
        "gitCommit": "0" * 40,
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "none",
        "compiler": "CPython",
        "platform": "linux/amd64",
    }


def paths(catalog: Catalog) -> list[str]:
    """Every path that is no resource, as `/` lists them."""
    found = {"/api", "/api/v1", "/apis", "/healthz", "/livez", "/readyz", "/version"}
    found |= {"/openapi/v2"}
    for name, version in catalog.group_versions():
        if name:
            found |= {f"/apis/{name}", f"/apis/{name}/{version}"}
    return sorted(found)

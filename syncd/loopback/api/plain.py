"""The paths that are no resources: discovery, OpenAPI, version, health."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from syncd.loopback.access.identity import User
from syncd.loopback.api import discovery, openapi, openapi_protobuf
from syncd.loopback.api.negotiation import answer
from syncd.loopback.apierror import method_not_allowed, unknown_resource
from syncd.loopback.objects.registry import Registry


_HEALTHY = frozenset({"/healthz", "/livez", "/readyz"})
_AGGREGATED = "g=apidiscovery.k8s.io"


def answer_path(registry: Registry, request: web.Request, user: User) -> web.Response:
    """Answer a request for a path.

    Raises:
        ApiError: 404 or 405.
    """
    if request.method not in {"GET", "HEAD"}:
        raise method_not_allowed()
    path = request.path.rstrip("/")
    if path in _HEALTHY:
        return web.Response(text="ok")
    if path.startswith("/openapi/"):
        return _openapi(registry, request, path)
    asked = path in {"/api", "/apis"} and _AGGREGATED in request.headers.get(
        "Accept", ""
    )
    if asked and registry.dialect.modern:
        return _aggregated(registry, request, path)
    if found := _document(registry, request, path):
        return answer(found)
    if path.startswith(("/api", "/apis")):
        raise unknown_resource()
    return _unknown(registry, user)


def _document(
    registry: Registry, request: web.Request, path: str
) -> dict[str, Any] | None:
    catalog = registry.catalog
    fixed: dict[str, Callable[[], dict[str, Any]]] = {
        "": lambda: {"paths": discovery.paths(catalog)},
        "/api": lambda: discovery.versions(request.host),
        "/apis": lambda: discovery.groups(catalog),
        "/version": lambda: dict(discovery.build_info(registry.dialect)),
    }
    if path in fixed:
        return fixed[path]()
    match path.split("/"):
        case ["", "api", version]:
            return discovery.resources(catalog, "", version)
        case ["", "apis", group]:
            return discovery.group(catalog, group)
        case ["", "apis", group, version]:
            return discovery.resources(catalog, group, version)
        case _:
            return None


def _aggregated(registry: Registry, request: web.Request, path: str) -> web.Response:
    # The newest version comes first in the header of every client that knows it.
    accept = request.headers["Accept"].partition(_AGGREGATED)[2]
    version = "v2" if accept.startswith(";v=v2;") else "v2beta1"
    value = discovery.aggregated(registry.catalog, core=path == "/api", version=version)
    response = answer(value)
    response.headers["Content-Type"] = (
        f"application/json;{_AGGREGATED};v={version};as=APIGroupDiscoveryList"
    )
    return response


def _openapi(registry: Registry, request: web.Request, path: str) -> web.Response:
    dialect = registry.dialect
    if path == "/openapi/v2":
        document = openapi.version_2(dialect)
        if "protobuf" in request.headers.get("Accept", ""):
            body = openapi_protobuf.encode(document)
            return web.Response(
                body=body, headers={"Content-Type": openapi_protobuf.MEDIA_TYPE}
            )
        return answer(document)
    if dialect.modern and path == "/openapi/v3":
        return answer(openapi.version_3_index(dialect))
    if dialect.modern and path.startswith("/openapi/v3/"):
        found = openapi.version_3(dialect, path.removeprefix("/openapi/v3/"))
        if found:
            return answer(found)
    raise unknown_resource()


def _unknown(registry: Registry, user: User) -> web.Response:
    if registry.dialect.modern or not user.is_master:
        return web.Response(status=404, text="404 page not found\n")
    return answer({"paths": discovery.paths(registry.catalog)}, 404)

"""Service to Endpoints and EndpointSlice: which Pods answer for a name."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from syncd.loopback.api.wording import is_true
from syncd.loopback.controllers.context import (
    Context,
    is_finished,
    is_leaving,
    key_of,
    reference,
)
from syncd.loopback.controllers.loop import Key
from syncd.loopback.objects.defaults import suffix
from syncd.loopback.objects.selectors import selector_match
from syncd.loopback.store import Event, Object


_SERVICE = "kubernetes.io/service-name"
_MANAGED = "endpointslice.kubernetes.io/managed-by"


class Endpoints:
    """Keeps the addresses of a Service's Pods, ready or not."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._services = context.catalog.named("services")
        self._pods = context.catalog.named("pods")
        self._endpoints = context.catalog.named("endpoints")
        self._slices = context.catalog.named("endpointslices")

    def everything(self) -> Iterable[Key]:
        """All Services."""
        return [key_of(obj) for obj in self._context.store.all(self._services)]

    def keys(self, event: Event) -> Iterable[Key]:
        """A Service itself, or those that select a Pod, or did."""
        if event.resource == self._services:
            yield key_of(event.after)
        elif event.resource == self._pods:
            namespace = event.after["metadata"]["namespace"]
            for service in self._context.store.all(self._services, namespace):
                selects = _selector(service)
                if selects(event.after) or (event.before and selects(event.before)):
                    yield key_of(service)

    def reconcile(self, key: Key) -> float | None:
        """Write both kinds anew, if they changed."""
        service = self._context.store.get(self._services, *key)
        if service is None:
            if known := self._context.store.get(self._endpoints, *key):
                self._context.store.delete(self._endpoints, known)
        elif service["spec"].get("selector"):
            selects = _selector(service)
            pods = [
                pod
                for pod in self._context.store.all(self._pods, key[0])
                if selects(pod) and pod["status"].get("podIP") and not is_finished(pod)
            ]
            self._write_endpoints(service, pods)
            self._write_slice(service, pods)
        return None

    def _write_endpoints(self, service: Object, pods: list[Object]) -> None:
        metadata = service["metadata"]
        ready: list[dict[str, Any]] = []
        waiting: list[dict[str, Any]] = []
        for pod in pods:
            if not is_leaving(pod):
                serves = is_true(pod["status"], "Ready")
                (ready if serves else waiting).append(_address(pod))
        subset: dict[str, Any] = {}
        if ready:
            subset["addresses"] = ready
        if waiting:
            subset["notReadyAddresses"] = waiting
        subset["ports"] = list(_ports(service, pods))
        known = self._context.store.get(self._endpoints, *key_of(service))
        head = known or {
            "kind": "Endpoints",
            "apiVersion": "v1",
            "metadata": {
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "labels": metadata.get("labels", {}),
            },
        }
        body = {k: v for k, v in head.items() if k != "subsets"}
        if ready or waiting:
            body["subsets"] = [subset]
        self._put(self._endpoints, known, body)

    def _write_slice(self, service: Object, pods: list[Object]) -> None:
        modern = self._context.dialect.modern
        known = next(iter(self._context.owned(self._slices, service)), None)
        endpoints = [
            _endpoint(pod, modern=modern)
            for pod in pods
            if modern or not is_leaving(pod)
        ]
        head = known or self._new_slice(service)
        body = {**head, "endpoints": endpoints, "ports": list(_ports(service, pods))}
        if known is not None and body != known:
            metadata = known["metadata"]
            body["metadata"] = {**metadata, "generation": metadata["generation"] + 1}
        self._put(self._slices, known, body)

    def _new_slice(self, service: Object) -> Object:
        metadata = service["metadata"]
        stem = f"{metadata['name']}-"
        return {
            "kind": "EndpointSlice",
            "apiVersion": self._slices.api_version,
            "metadata": {
                "name": stem + suffix(),
                "generateName": stem,
                "namespace": metadata["namespace"],
                "generation": 1,
                "labels": {
                    _MANAGED: "endpointslice-controller.k8s.io",
                    _SERVICE: metadata["name"],
                },
                "ownerReferences": [reference(service)],
            },
            "addressType": "IPv4",
        }

    def _put(self, resource: Any, known: Object | None, body: Object) -> None:  # noqa: ANN401  a Resource
        if known is None:
            self._context.store.create(resource, body)
        else:
            self._context.store.replace(resource, body)


def _selector(service: Object) -> Any:  # noqa: ANN401  a predicate
    labels = service["spec"].get("selector")
    return selector_match({"matchLabels": labels} if labels else None)


def _target(pod: Object) -> dict[str, Any]:
    metadata = pod["metadata"]
    return {
        "kind": "Pod",
        "namespace": metadata["namespace"],
        "name": metadata["name"],
        "uid": metadata["uid"],
    }


def _address(pod: Object) -> dict[str, Any]:
    return {
        "ip": pod["status"]["podIP"],
        "nodeName": pod["spec"]["nodeName"],
        "targetRef": _target(pod),
    }


def _endpoint(pod: Object, *, modern: bool) -> dict[str, Any]:
    serves, leaves = is_true(pod["status"], "Ready"), is_leaving(pod)
    endpoint: dict[str, Any] = {
        "addresses": [pod["status"]["podIP"]],
        "conditions": {"ready": serves and not leaves},
        "targetRef": _target(pod),
    }
    if modern:
        endpoint["conditions"] |= {"serving": serves, "terminating": leaves}
        return {**endpoint, "nodeName": pod["spec"]["nodeName"]}
    return {**endpoint, "topology": {"kubernetes.io/hostname": pod["spec"]["nodeName"]}}


def _ports(service: Object, pods: list[Object]) -> Iterator[dict[str, Any]]:
    for port in service["spec"].get("ports", ()):
        target = port["targetPort"]
        number = target if isinstance(target, int) else _named(pods, target)
        if number is not None:
            named = {"name": port["name"]} if "name" in port else {}
            yield {**named, "port": number, "protocol": port["protocol"]}


def _named(pods: list[Object], name: str) -> int | None:
    ports: list[Mapping[str, Any]] = [
        port
        for pod in pods
        for container in pod["spec"]["containers"]
        for port in container.get("ports", ())
        if port.get("name") == name
    ]
    return int(ports[0]["containerPort"]) if ports else None

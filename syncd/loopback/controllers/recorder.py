"""Kubernetes Events: what happened to an object, said for people, a bounded number."""

import secrets
from collections import OrderedDict
from typing import Any

from syncd.loopback.catalog import Catalog
from syncd.loopback.objects.defaults import NODE
from syncd.loopback.store import Object, Store, now


# Real ones live for an hour; these until so many newer ones are there.
_MOST = 500


class Recorder:
    """Writes Events; the same one again counts up."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._resource = catalog.named("events")
        self._known: OrderedDict[tuple[str, ...], tuple[str, str]] = OrderedDict()

    def record(
        self,
        about: Object,
        kind: str,
        reason: str,
        message: str,
        *,
        component: str,
        container: str = "",
    ) -> None:
        """Say that something happened to an object.

        Args:
            about: The object.
            kind: `Normal` or `Warning`.
            reason: One word in CamelCase.
            message: A sentence.
            component: Who says so.
            container: The container that it is about.
        """
        uid = about["metadata"].get("uid", "")
        same = (uid, kind, reason, message, component, container)
        place = self._known.get(same)
        known = place and self._store.get(self._resource, *place)
        if known:
            count = known["count"] + 1
            again = {**known, "count": count, "lastTimestamp": now()}
            self._store.replace(self._resource, again)
            self._known.move_to_end(same)
            return
        event = _event(about, kind, reason, message, component, container)
        self._store.create(self._resource, event)
        metadata = event["metadata"]
        self._known[same] = (metadata["namespace"], metadata["name"])
        if len(self._known) > _MOST:
            _, oldest = self._known.popitem(last=False)
            if gone := self._store.get(self._resource, *oldest):
                self._store.delete(self._resource, gone)


def _event(
    about: Object, kind: str, reason: str, message: str, component: str, container: str
) -> Object:
    metadata = about["metadata"]
    involved: dict[str, Any] = {
        "kind": about["kind"],
        "namespace": metadata.get("namespace", ""),
        "name": metadata["name"],
        "uid": metadata.get("uid", ""),
        "apiVersion": about["apiVersion"],
        "resourceVersion": metadata.get("resourceVersion", ""),
    }
    if container:
        involved["fieldPath"] = f"spec.containers{{{container}}}"
    source = {"component": component}
    if component == "kubelet":
        source["host"] = NODE
    at = now()
    return {
        "kind": "Event",
        "apiVersion": "v1",
        "metadata": {
            "name": f"{metadata['name']}.{secrets.token_hex(8)}",
            "namespace": metadata.get("namespace") or "default",
        },
        "involvedObject": {key: value for key, value in involved.items() if value},
        "reason": reason,
        "message": message,
        "source": source,
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
        "type": kind,
        "eventTime": None,
        "reportingComponent": component,
        "reportingInstance": source.get("host", ""),
    }

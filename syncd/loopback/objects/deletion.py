"""Deleting: preconditions, graces, finalizers, orphans."""

from collections.abc import Mapping
from typing import Any

from syncd.loopback import apierror
from syncd.loopback.catalog import Catalog, Resource
from syncd.loopback.objects.place import Place
from syncd.loopback.store import Object, Store, now


class Deleter:
    """Takes objects out of the store, at once or gracefully."""

    def __init__(self, store: Store, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    def delete(self, place: Place, options: Mapping[str, Any]) -> tuple[Object, bool]:
        """Delete an object; return its last state, and whether it is gone already.

        A running Pod is not: it got its deletionTimestamp, and its node does the rest.
        Deleting in the foreground is not told apart from the background.

        Raises:
            ApiError: 404, or 409 if a precondition does not hold.
        """
        resource = place.resource
        obj = self._store.get(resource, place.namespace, place.name)
        if obj is None:
            raise apierror.not_found(resource, place.name)
        _check_preconditions(place, obj, options.get("preconditions") or {})
        if "All" in (options.get("dryRun") or ()):
            return obj, True
        if options.get("propagationPolicy") == "Orphan":
            self._orphan(obj)
        grace_s = _grace(resource, obj, options)
        held = bool(obj["metadata"].get("finalizers")) or resource.kind == "Namespace"
        if not held and grace_s == 0:
            return self._store.delete(resource, obj), True
        return self._store.replace(resource, _leaving(obj, grace_s)), False

    def _orphan(self, owner: Object) -> None:
        uid = owner["metadata"]["uid"]
        for resource in self._catalog:
            for obj in self._store.find(resource, lambda o: is_owned(o, uid)):
                references = [
                    ref
                    for ref in obj["metadata"]["ownerReferences"]
                    if ref["uid"] != uid
                ]
                metadata = {**obj["metadata"], "ownerReferences": references}
                if not references:
                    del metadata["ownerReferences"]
                self._store.replace(resource, {**obj, "metadata": metadata})


def is_owned(obj: Object, uid: str) -> bool:
    """True if the object of that uid owns `obj`."""
    return any(ref["uid"] == uid for ref in obj["metadata"].get("ownerReferences", ()))


def _leaving(obj: Object, grace_s: int) -> Object:
    metadata = obj["metadata"]
    known = metadata.get("deletionGracePeriodSeconds")
    if known is not None and known <= grace_s:
        return obj
    leaving = {
        **metadata,
        "deletionTimestamp": now(after_s=grace_s),
        "deletionGracePeriodSeconds": grace_s,
    }
    if "generation" in metadata:
        leaving["generation"] = metadata["generation"] + 1
    if obj["kind"] == "Namespace":
        return {**obj, "metadata": leaving, "status": {"phase": "Terminating"}}
    return {**obj, "metadata": leaving}


def _grace(resource: Resource, obj: Object, options: Mapping[str, Any]) -> int:
    if resource.kind != "Pod":
        return 0
    finished = obj["status"].get("phase") in {"Succeeded", "Failed"}
    if finished or not obj["spec"].get("nodeName"):
        return 0
    wanted = options.get("gracePeriodSeconds")
    if wanted is None:
        wanted = obj["spec"].get("terminationGracePeriodSeconds", 30)
    return max(0, int(wanted))


def _check_preconditions(place: Place, obj: Object, wanted: Mapping[str, str]) -> None:
    metadata = obj["metadata"]
    if (uid := wanted.get("uid")) and uid != metadata["uid"]:
        raise apierror.precondition(
            place.resource,
            place.name,
            f"the UID in the precondition ({uid}) does not match the UID in record "
            f"({metadata['uid']}). The object might have been deleted and then "
            "recreated",
        )
    version = wanted.get("resourceVersion")
    if version and version != metadata["resourceVersion"]:
        raise apierror.precondition(
            place.resource,
            place.name,
            f"the ResourceVersion in the precondition ({version}) does not match the "
            f"ResourceVersion in record ({metadata['resourceVersion']}). The object "
            "might have been modified",
        )

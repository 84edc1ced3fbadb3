"""How one state of an object follows another: what stays, what counts, what may not be."""

from typing import Any

from syncd.loopback import apierror
from syncd.loopback.apierror import bad_request
from syncd.loopback.catalog import Resource
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects.admission import inherit
from syncd.loopback.objects.defaults import with_defaults
from syncd.loopback.objects.place import Place
from syncd.loopback.objects.validation import validate
from syncd.loopback.store import Object


_COUNTED = {  # kinds whose generation counts the changes of their spec
    "Deployment",
    "EndpointSlice",
    "Ingress",
    "NetworkPolicy",
    "PodDisruptionBudget",
    "ReplicaSet",
    "StatefulSet",
}
FIXED = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
)


def counts_generations(resource: Resource, dialect: Dialect) -> bool:
    """Whether an object's generation counts the changes of its spec."""
    return resource.kind in _COUNTED or (resource.kind == "Pod" and dialect.modern)


def successor(
    place: Place, before: Object, obj: Object, subresource: str, dialect: Dialect
) -> Object:
    """`obj` as the valid successor of `before`, or of its status alone.

    Raises:
        ApiError: 400 or 409 if it is not of the same object as it is now; 422 if it
            breaks a rule.
    """
    metadata, old = dict(obj["metadata"]), before["metadata"]
    _check_identity(place, old, metadata)
    for key in ("name", "namespace", "resourceVersion", *FIXED):
        metadata.pop(key, None)
        if key in old:
            metadata[key] = old[key]
    if subresource == "status":
        labels = {k: v for k, v in old.items() if k != "annotations"}
        kept = {k: v for k, v in metadata.items() if k == "annotations"}
        after = {**before, "metadata": {**labels, **kept}}
        return {**after, "status": obj.get("status", {})}
    after = {**obj, "metadata": metadata}
    if "status" in place.resource.subresources:
        after["status"] = before.get("status", {})
    after = with_defaults(inherit(before, after))
    if counts_generations(place.resource, dialect) and _spec(after) != _spec(before):
        metadata["generation"] = old.get("generation", 1) + 1
    validate(place.resource, after, before, dialect)
    return after


def _check_identity(
    place: Place, old: dict[str, Any], metadata: dict[str, Any]
) -> None:
    if (name := metadata.get("name", place.name)) != place.name:
        raise bad_request(
            f"the name of the object ({name}) does not match the name on the URL "
            f"({place.name})"
        )
    for key in ("resourceVersion", "uid"):
        if (metadata.get(key) or old[key]) != old[key]:
            raise apierror.conflict(place.resource, place.name)


def _spec(obj: Object) -> dict[str, Any]:
    """What an object is by itself: all but bookkeeping and status."""
    spec = {k: v for k, v in obj.items() if k not in {"metadata", "status"}}
    if obj["kind"] == "Deployment":
        spec["annotations"] = obj["metadata"].get("annotations")
    return spec

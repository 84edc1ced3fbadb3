"""The `scale` subresource: the number of replicas, as an object of its own."""

from typing import Any

from syncd.loopback.apierror import bad_request, rejected_patch, unsupported_media_type
from syncd.loopback.objects.patch import PatchError, json_patch, merge_patch
from syncd.loopback.objects.patching import APPLY_PATCH, JSON_PATCH, parse_patch
from syncd.loopback.objects.place import Options, Place
from syncd.loopback.objects.registry import Registry
from syncd.loopback.store import Object


def read(obj: Object) -> Object:
    """The scale of a workload."""
    metadata, spec = obj["metadata"], obj["spec"]
    labels = spec["selector"].get("matchLabels", {})
    shown = {
        key: metadata[key]
        for key in ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    }
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": shown,
        "spec": {"replicas": spec["replicas"]} if spec["replicas"] else {},
        "status": {
            "replicas": obj.get("status", {}).get("replicas", 0),
            "selector": ",".join(f"{k}={v}" for k, v in sorted(labels.items())),
        },
    }


def write(
    registry: Registry, place: Place, scale: dict[str, Any], options: Options
) -> Object:
    """Set the replicas of a workload to those of `scale`; return the new scale.

    Raises:
        ApiError: 404, 409 if it moved on, 422 if the number is impossible.
    """
    obj = registry.get(place)
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int):
        raise bad_request(
            "json: cannot unmarshal string into Go struct field ScaleSpec.spec.replicas "
            "of type int32"
        )
    version = (scale.get("metadata") or {}).get("resourceVersion")
    metadata = {**obj["metadata"]}
    if version:
        metadata["resourceVersion"] = version
    wanted = {
        **obj,
        "metadata": metadata,
        "spec": {**obj["spec"], "replicas": replicas},
    }
    return read(registry.update(place, wanted, options).obj)


def patch(
    registry: Registry, place: Place, data: bytes, content_type: str, options: Options
) -> Object:
    """Patch the scale; a strategic merge of it is a plain merge.

    Raises:
        ApiError: 404, 409, 415 or 422.
    """
    if content_type == APPLY_PATCH:
        raise unsupported_media_type()
    value = parse_patch(data, registry.dialect)
    current = read(registry.get(place))
    try:
        if content_type == JSON_PATCH:
            patched = json_patch(current, value)
        else:
            patched = merge_patch(current, value)
    except PatchError as exc:
        raise rejected_patch() from exc
    return write(registry, place, patched, options)

"""A patch request: from the bytes and their content type to the patched object."""

import json

from syncd.loopback import apierror
from syncd.loopback.apierror import bad_request
from syncd.loopback.catalog import Resource
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects.decode import go_json_error
from syncd.loopback.objects.patch import (
    PatchError,
    json_patch,
    merge_patch,
    strategic_merge,
)
from syncd.loopback.objects.schema import Json, root
from syncd.loopback.store import Object


JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
PATCHES = frozenset({JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH})


def parse_patch(data: bytes, dialect: Dialect) -> Json:
    """The value in the body of a patch.

    Raises:
        ApiError: 400 if it is no JSON.
    """
    try:
        return json.loads(data)
    except ValueError as exc:
        prefix = "error decoding patch: " if dialect.modern else ""
        raise bad_request(prefix + go_json_error(data, exc)) from exc


def patched(resource: Resource, obj: Object, patch: Json, content_type: str) -> Object:
    """`obj` after a patch of one of the three kinds that name no owner.

    Raises:
        ApiError: 422 if the patch does not fit, 400 if it is no patch.
    """
    try:
        if content_type == JSON_PATCH:
            result = json_patch(obj, patch)
        elif content_type == MERGE_PATCH:
            result = merge_patch(obj, patch)
        else:
            result = strategic_merge(obj, patch, root(resource.model))
    except PatchError as exc:
        raise apierror.rejected_patch() from exc
    except (AttributeError, TypeError) as exc:
        raise bad_request(f"the patch is not of the right type: {exc}") from exc
    if not isinstance(result, dict):
        raise apierror.rejected_patch()
    return result

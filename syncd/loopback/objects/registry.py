"""Reads and writes of stored objects, as the API allows them.

Everything here is synchronous: between the look at an object and the write of its
successor nothing else runs, so a conflict is only ever the client's.
"""

from typing import Any

import yaml

from syncd.loopback import apierror
from syncd.loopback.apierror import bad_request
from syncd.loopback.catalog import Catalog, Resource
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects import managed
from syncd.loopback.objects.admission import admit
from syncd.loopback.objects.decode import decode
from syncd.loopback.objects.defaults import suffix, with_defaults
from syncd.loopback.objects.managed import Writer
from syncd.loopback.objects.patching import APPLY_PATCH, PATCHES, parse_patch, patched
from syncd.loopback.objects.place import Options, Place, Written
from syncd.loopback.objects.succession import FIXED, counts_generations, successor
from syncd.loopback.objects.validation import validate
from syncd.loopback.store import Object, Store, now


class Registry:
    """The stored objects of a cluster, by the rules of its dialect."""

    def __init__(self, store: Store, catalog: Catalog, dialect: Dialect) -> None:
        self.store = store
        self.catalog = catalog
        self.dialect = dialect

    def get(self, place: Place) -> Object:
        """The object.

        Raises:
            ApiError: 404.
        """
        found = self.store.get(place.resource, place.namespace, place.name)
        if found is None:
            raise apierror.not_found(place.resource, place.name)
        return found

    def create(
        self, place: Place, body: dict[str, Any], options: Options | None = None
    ) -> Written:
        """Store a new object.

        Raises:
            ApiError: 400, 403, 404, 409 or 422, as the real server would.
        """
        options = options or Options()
        resource = place.resource
        self._check_kind(resource, body)
        obj, warnings = self._decode(resource, body, options)
        metadata = {k: v for k, v in obj["metadata"].items() if k not in FIXED}
        metadata.pop("managedFields", None)
        if metadata.pop("resourceVersion", ""):
            raise bad_request(
                "resourceVersion should not be set on objects to be created"
            )
        self._set_place(place, metadata)
        if "status" in resource.subresources:
            obj.pop("status", None)
        obj = with_defaults({**obj, "metadata": metadata})
        if counts_generations(resource, self.dialect):
            obj["metadata"] = {**obj["metadata"], "generation": 1}
        admit(self.store, self.catalog, resource, obj)
        validate(resource, obj, None, self.dialect)
        if self.store.get(resource, place.namespace, metadata.get("name", "")):
            raise apierror.already_exists(resource, metadata["name"])
        writer = Writer(options.manager, "Update", resource.api_version)
        obj = managed.record_update(resource, None, obj, writer)
        return self._created(resource, obj, options, warnings)

    def update(
        self,
        place: Place,
        body: dict[str, Any],
        options: Options | None = None,
        subresource: str = "",
    ) -> Written:
        """Replace an object, or its status.

        Raises:
            ApiError: 400, 404, 409 or 422, as the real server would.
        """
        options = options or Options()
        self._check_kind(place.resource, body)
        before = self.get(place)
        obj, warnings = self._decode(place.resource, body, options)
        writer = Writer(
            options.manager, "Update", place.resource.api_version, subresource
        )
        after = successor(place, before, obj, subresource, self.dialect)
        before = managed.as_given(before, after)
        after = managed.record_update(place.resource, before, after, writer)
        return self._stored(place.resource, after, options, warnings)

    def patch(
        self,
        place: Place,
        data: bytes,
        content_type: str,
        options: Options | None = None,
        subresource: str = "",
    ) -> Written:
        """Patch an object, or its status; server-side apply may create it.

        Raises:
            ApiError: 400, 404, 409, 415 or 422, as the real server would.
        """
        options = options or Options()
        if content_type not in PATCHES:
            raise apierror.unsupported_media_type()
        if content_type == APPLY_PATCH:
            return self._apply(place, data, options, subresource)
        patch = parse_patch(data, self.dialect)
        obj = patched(place.resource, self.get(place), patch, content_type)
        return self.update(place, obj, options, subresource)

    def _check_kind(self, resource: Resource, body: dict[str, Any]) -> None:
        kind = body.get("kind") or resource.kind
        api_version = body.get("apiVersion") or resource.api_version
        if (api_version, kind) == (resource.api_version, resource.kind):
            return
        group, _, version = api_version.rpartition("/")
        if self.catalog.of_kind(api_version, kind) is None:
            raise bad_request(
                f'no kind "{kind}" is registered for version "{api_version}" in scheme '
                '"pkg/api/legacyscheme/scheme.go:30"'
            )
        internal = (resource.group or "core").split(".")[0]
        raise bad_request(
            f'{kind} in version "{version}" cannot be handled as a {resource.kind}: '
            f"converting ({(group or 'v1').split('.')[0]}.{kind}) to "
            f"({internal}.{resource.kind}): unknown conversion"
        )

    def _decode(
        self, resource: Resource, body: dict[str, Any], options: Options
    ) -> tuple[Object, tuple[str, ...]]:
        obj, unknown = decode(resource, body)
        if not self.dialect.modern or options.validation == "Ignore":
            return obj, ()
        words = tuple(f'unknown field "{path}"' for path in unknown)
        if words and options.validation == "Strict":
            raise bad_request(
                f'{resource.kind} in version "{resource.version}" cannot be handled as '
                f"a {resource.kind}: strict decoding error: {', '.join(words)}"
            )
        return obj, words

    def _set_place(self, place: Place, metadata: dict[str, Any]) -> None:
        if place.resource.namespaced:
            if metadata.get("namespace", place.namespace) != place.namespace:
                raise bad_request(
                    "the namespace of the provided object does not match the namespace "
                    "sent on the request"
                )
            metadata["namespace"] = place.namespace
        else:
            metadata.pop("namespace", None)
        if not metadata.get("name") and (stem := metadata.get("generateName")):
            metadata["name"] = f"{stem}{suffix()}"

    def _apply(
        self, place: Place, data: bytes, options: Options, subresource: str
    ) -> Written:
        try:
            body = yaml.safe_load(data)
        except yaml.YAMLError as exc:
            raise bad_request(f"error decoding YAML: {exc}") from exc
        if not isinstance(body, dict):
            raise bad_request("the applied configuration is not an object")
        if (body.get("metadata") or {}).get("managedFields"):
            raise bad_request("metadata.managedFields must be nil")
        self._check_kind(place.resource, body)
        config, warnings = self._decode(place.resource, body, options)
        config["metadata"].setdefault("name", place.name)
        self._set_place(place, config["metadata"])
        live = self.store.get(place.resource, place.namespace, place.name)
        writer = Writer(
            options.manager, "Apply", place.resource.api_version, subresource
        )
        merged = managed.apply(
            place.resource, live, config, writer, force=options.force
        )
        if live is None:
            return self._apply_anew(place, merged, options, warnings)
        version = config["metadata"].get("resourceVersion")
        if version and version != live["metadata"]["resourceVersion"]:
            raise apierror.conflict(place.resource, place.name)
        owners = merged["metadata"].get("managedFields")
        merged, _ = decode(place.resource, merged)  # drops maps that are empty now
        after = successor(place, live, merged, subresource, self.dialect)
        if owners:
            after = {
                **after,
                "metadata": {**after["metadata"], "managedFields": owners},
            }
        return self._stored(place.resource, after, options, warnings)

    def _apply_anew(
        self, place: Place, merged: Object, options: Options, warnings: tuple[str, ...]
    ) -> Written:
        owners = merged["metadata"].get("managedFields")
        trial = Options(options.manager, dry_run=True, validation="Ignore")
        obj = self.create(place, merged, trial).obj
        if owners:
            obj = {**obj, "metadata": {**obj["metadata"], "managedFields": owners}}
        return self._created(place.resource, obj, options, warnings)

    def _created(
        self,
        resource: Resource,
        obj: Object,
        options: Options,
        warnings: tuple[str, ...],
    ) -> Written:
        if options.dry_run:
            metadata = {**obj["metadata"], "creationTimestamp": now()}
            return Written({**obj, "metadata": metadata}, True, warnings)  # noqa: FBT003  by position
        return Written(self.store.create(resource, obj), True, warnings)  # noqa: FBT003  by position

    def _stored(
        self,
        resource: Resource,
        obj: Object,
        options: Options,
        warnings: tuple[str, ...],
    ) -> Written:
        if options.dry_run:
            return Written(obj, warnings=warnings)
        stored = self.store.replace(resource, obj)
        metadata = stored["metadata"]
        if (
            metadata.get("deletionTimestamp")
            and not metadata.get("finalizers")
            and resource.kind not in {"Pod", "Namespace"}
        ):
            self.store.delete(resource, stored)
        return Written(stored, warnings=warnings)

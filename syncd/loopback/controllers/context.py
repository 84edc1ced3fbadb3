"""What every controller works with: the objects, and the ways to write them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from syncd.loopback.catalog import Catalog, Resource
from syncd.loopback.controllers.recorder import Recorder
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects import managed
from syncd.loopback.objects.deletion import Deleter
from syncd.loopback.objects.managed import Writer
from syncd.loopback.objects.place import Options, Place
from syncd.loopback.objects.registry import Registry
from syncd.loopback.store import Object, Store


MANAGER = "kube-controller-manager"


@dataclass(frozen=True, slots=True)
class Context:
    """The cluster as controllers see it."""

    registry: Registry
    deleter: Deleter
    recorder: Recorder

    @property
    def store(self) -> Store:
        """The objects, to read."""
        return self.registry.store

    @property
    def catalog(self) -> Catalog:
        """The resources, to name them."""
        return self.registry.catalog

    @property
    def dialect(self) -> Dialect:
        """How to behave."""
        return self.registry.dialect

    def place(self, obj: Object) -> Place:
        """Where an object is."""
        resource = self.catalog.of_kind(obj["apiVersion"], obj["kind"])
        if resource is None:
            raise LookupError(f"{obj['kind']} is not served")
        metadata = obj["metadata"]
        return Place(resource, metadata.get("namespace", ""), metadata["name"])

    def create(self, resource: Resource, obj: Object) -> Object:
        """Create an object by the rules that hold for clients.

        Raises:
            ApiError: As a client would get it.
        """
        place = Place(resource, obj["metadata"].get("namespace", ""))
        return self.registry.create(place, obj, Options(MANAGER)).obj

    def update(self, obj: Object) -> Object:
        """Write an object's metadata and spec.

        Raises:
            ApiError: As a client would get it.
        """
        return self.registry.update(self.place(obj), obj, Options(MANAGER)).obj

    def write_status(
        self, obj: Object, status: dict[str, Any], manager: str = MANAGER
    ) -> Object:
        """Write an object's status; nothing happens if it is the same."""
        resource = self.place(obj).resource
        writer = Writer(manager, "Update", resource.api_version, "status")
        before = self.store.get(
            resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]
        )
        after = managed.record_update(
            resource, before, {**obj, "status": status}, writer
        )
        return self.store.replace(resource, after)

    def delete(self, obj: Object) -> None:
        """Delete an object; a Pod with its own grace."""
        self.deleter.delete(self.place(obj), {"propagationPolicy": "Background"})

    def owned(self, resource: Resource, owner: Object) -> list[Object]:
        """The objects of `resource` that `owner` controls."""
        uid, namespace = (
            owner["metadata"]["uid"],
            owner["metadata"].get("namespace", ""),
        )
        return [
            obj
            for obj in self.store.all(resource, namespace)
            if (ref := controller_of(obj)) is not None and ref["uid"] == uid
        ]


def controller_of(obj: Object) -> dict[str, Any] | None:
    """The reference to the owner that controls `obj`, or None."""
    for ref in obj["metadata"].get("ownerReferences", ()):
        if ref.get("controller"):
            return dict(ref)
    return None


def reference(owner: Object) -> dict[str, Any]:
    """The reference by which `owner` controls an object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def key_of(obj: Object) -> tuple[str, str]:
    """The namespace and name of an object."""
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def owner_keys(obj: Object, kind: str) -> Iterator[tuple[str, str]]:
    """The key of the owner of that kind that controls `obj`, if there is one."""
    ref = controller_of(obj)
    if ref is not None and ref["kind"] == kind:
        yield obj["metadata"].get("namespace", ""), ref["name"]


def is_leaving(obj: Object) -> bool:
    """True once it was deleted, though it may be there for a while."""
    return "deletionTimestamp" in obj["metadata"]


def is_finished(pod: Object) -> bool:
    """True for a Pod that will not run again."""
    return pod["status"].get("phase") in {"Succeeded", "Failed"}

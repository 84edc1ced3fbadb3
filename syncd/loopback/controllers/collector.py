"""What goes with what: dependents with their owner, content with its namespace."""

from collections.abc import Iterable

from syncd.loopback.controllers.context import Context, is_leaving, key_of
from syncd.loopback.controllers.loop import Key
from syncd.loopback.objects.deletion import is_owned
from syncd.loopback.store import Event, Object


class Collector:
    """Deletes what the deleted owned. Its keys are uids."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def everything(self) -> Iterable[Key]:
        """The uid of every owner that is referred to."""
        for resource in self._context.catalog:
            for obj in self._context.store.all(resource):
                for ref in obj["metadata"].get("ownerReferences", ()):
                    yield "", ref["uid"]

    def keys(self, event: Event) -> Iterable[Key]:
        """An owner that went; the owners of something new, which may be gone."""
        if event.type == "DELETED":
            yield "", event.after["metadata"]["uid"]
        elif event.type == "ADDED":
            for ref in event.after["metadata"].get("ownerReferences", ()):
                yield "", ref["uid"]

    def reconcile(self, key: Key) -> float | None:
        """Delete the dependents of an owner that is not there."""
        _, uid = key
        catalog, store = self._context.catalog, self._context.store
        for resource in catalog:
            for obj in store.find(resource, lambda obj: is_owned(obj, uid)):
                if not is_leaving(obj) and not self._owners(obj):
                    self._context.delete(obj)
        return None

    def _owners(self, obj: Object) -> bool:
        """True if any of its owners is still there."""
        for ref in obj["metadata"]["ownerReferences"]:
            resource = self._context.catalog.of_kind(ref["apiVersion"], ref["kind"])
            if resource is None:
                return True  # not a kind that is served: not ours to judge
            namespace = obj["metadata"].get("namespace", "")
            where = namespace if resource.namespaced else ""
            owner = self._context.store.get(resource, where, ref["name"])
            if owner is not None and owner["metadata"]["uid"] == ref["uid"]:
                return True
        return False


class Namespaces:
    """Furnishes new namespaces, and empties those that are deleted."""

    def __init__(self, context: Context, authority_pem: str) -> None:
        self._context = context
        self._authority_pem = authority_pem
        self._namespaces = context.catalog.named("namespaces")
        self._accounts = context.catalog.named("serviceaccounts")
        self._configs = context.catalog.named("configmaps")

    def everything(self) -> Iterable[Key]:
        """All namespaces."""
        return [key_of(obj) for obj in self._context.store.all(self._namespaces)]

    def keys(self, event: Event) -> Iterable[Key]:
        """A namespace itself, or the one that something was deleted from."""
        if event.resource == self._namespaces:
            yield key_of(event.after)
        elif event.type == "DELETED" and event.resource.namespaced:
            yield "", event.after["metadata"]["namespace"]

    def reconcile(self, key: Key) -> float | None:
        """See to it that the furniture is there, or that nothing is."""
        namespace = self._context.store.get(self._namespaces, *key)
        if namespace is None:
            return None
        if is_leaving(namespace):
            self._empty(namespace)
        else:
            self.furnish(key[1])
        return None

    def furnish(self, name: str) -> None:
        """Give a namespace its default service account and the cluster's authority."""
        metadata = {"name": "default", "namespace": name}
        if self._context.store.get(self._accounts, name, "default") is None:
            head = {"kind": "ServiceAccount", "apiVersion": "v1"}
            self._context.create(self._accounts, {**head, "metadata": metadata})
        if self._context.store.get(self._configs, name, "kube-root-ca.crt") is None:
            head = {"kind": "ConfigMap", "apiVersion": "v1"}
            metadata = {"name": "kube-root-ca.crt", "namespace": name}
            data = {"ca.crt": self._authority_pem}
            body = {**head, "metadata": metadata, "data": data}
            self._context.create(self._configs, body)

    def _empty(self, namespace: Object) -> None:
        name, left = namespace["metadata"]["name"], False
        for resource in self._context.catalog:
            if not resource.namespaced:
                continue
            for obj in self._context.store.all(resource, name):
                left = True
                if not is_leaving(obj):
                    self._context.delete(obj)
        if not left:
            self._context.store.delete(self._namespaces, namespace)

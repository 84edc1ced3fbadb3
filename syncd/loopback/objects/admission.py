"""What must be there before an object may be: its namespace, its service account."""

from syncd.loopback.apierror import forbidden_object, not_found
from syncd.loopback.catalog import Catalog, Resource
from syncd.loopback.store import Object, Store


def admit(store: Store, catalog: Catalog, resource: Resource, obj: Object) -> None:
    """Check the surroundings of a new object.

    Raises:
        ApiError: 404 without its namespace; 403 if that is being terminated, or if a
            Pod's service account is not there.
    """
    metadata = obj["metadata"]
    if resource.namespaced:
        _check_namespace(store, catalog, resource, metadata)
    if resource.kind == "Pod":
        account, where = obj["spec"]["serviceAccountName"], metadata["namespace"]
        accounts = catalog.named("serviceaccounts")
        if store.get(accounts, where, account) is None:
            why = (
                f"error looking up service account {where}/{account}: serviceaccount "
                f'"{account}" not found'
            )
            raise forbidden_object(resource, metadata.get("name", ""), why)


def _check_namespace(
    store: Store, catalog: Catalog, resource: Resource, metadata: dict[str, str]
) -> None:
    namespaces, name = catalog.named("namespaces"), metadata["namespace"]
    namespace = store.get(namespaces, "", name)
    if namespace is None:
        raise not_found(namespaces, name)
    if namespace["status"]["phase"] == "Terminating":
        why = (
            f"unable to create new content in namespace {name} because it is being "
            "terminated"
        )
        raise forbidden_object(resource, metadata.get("name", ""), why)


def inherit(before: Object, after: Object) -> Object:
    """`after` with what the cluster once chose and the client may leave out."""
    if before["kind"] == "Service":
        old, new = before["spec"], after.get("spec") or {}
        kept = {
            key: old[key] for key in ("clusterIP", "clusterIPs") if key in old | new
        }
        return {**after, "spec": {**kept, **new}}
    if before["kind"] == "Pod":
        # Admission gave these; a PUT of the manifest alone must not take them away.
        given = {
            key: before["spec"][key]
            for key in ("nodeName", "tolerations")
            if key in before["spec"]
        }
        return {**after, "spec": {**given, **(after.get("spec") or {})}}
    return after

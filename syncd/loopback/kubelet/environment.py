"""What a container's processes get as environment and arguments (pure)."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any


Lookup = Callable[[str, str, str], dict[str, Any] | None]
"""Finds an object by plural kind (`configmaps`, `secrets`), namespace and name."""


class Unfit(Exception):
    """A container cannot be made as its Pod says: something is not there, or not so."""


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace each `$(NAME)` as Kubernetes does.

    `$$` stands for `$`; a name without a value stays as it is written.
    """
    done: list[str] = []
    rest = text
    while True:
        before, dollar, rest = rest.partition("$")
        done.append(before)
        if not dollar:
            return "".join(done)
        name, close, after = rest[1:].partition(")")
        if rest.startswith("$"):
            done.append("$")
            rest = rest[1:]
        elif rest.startswith("(") and close:
            done.append(values.get(name, f"$({name})"))
            rest = after
        else:
            done.append("$")


def environment(
    pod: Mapping[str, Any],
    container: Mapping[str, Any],
    *,
    base: Mapping[str, str],
    pod_ip: str,
    lookup: Lookup,
) -> dict[str, str]:
    """Return the environment of a container of `pod`.

    Args:
        pod: The object, bound to a node.
        container: Its entry in the Pod's spec.
        base: What the image and the runtime give.
        pod_ip: For `status.podIP`.
        lookup: Finds what the Pod refers to.

    Raises:
        Unfit: If something that must be there is not.
    """
    given: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        given |= _from_object(pod, source, lookup)
    for entry in container.get("env", ()):
        if "valueFrom" in entry:
            value = _from_source(pod, container, entry["valueFrom"], pod_ip, lookup)
            if value is None:
                continue
        else:
            value = expand(entry.get("value") or "", given)
        given[entry["name"]] = value
    return {**base, **given}


def arguments(
    container: Mapping[str, Any],
    *,
    entrypoint: Sequence[str],
    command: Sequence[str],
    values: Mapping[str, str],
) -> list[str]:
    """Return what a container runs: the Pod's words before the image's."""
    if container.get("command"):
        entrypoint, command = container["command"], ()
    if container.get("args"):
        command = container["args"]
    return [expand(word, values) for word in (*entrypoint, *command)]


def _from_object(
    pod: Mapping[str, Any], source: Mapping[str, Any], lookup: Lookup
) -> dict[str, str]:
    prefix = source.get("prefix", "")
    for field, kind in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
        if reference := source.get(field):
            found = lookup(kind, pod["metadata"]["namespace"], reference["name"])
            if found is None and not reference.get("optional"):
                raise _missing(kind, reference["name"])
            return {prefix + key: value for key, value in texts(found).items()}
    return {}


def _from_source(
    pod: Mapping[str, Any],
    container: Mapping[str, Any],
    source: Mapping[str, Any],
    pod_ip: str,
    lookup: Lookup,
) -> str | None:
    if reference := source.get("fieldRef"):
        return field_value(pod, reference["fieldPath"], pod_ip)
    if reference := source.get("resourceFieldRef"):
        group, _, name = reference["resource"].partition(".")
        return str(container.get("resources", {}).get(group, {}).get(name, "0"))
    for field, kind in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
        if reference := source.get(field):
            return _key(pod, kind, reference, lookup)
    return None


def _key(
    pod: Mapping[str, Any], kind: str, reference: Mapping[str, Any], lookup: Lookup
) -> str | None:
    namespace = pod["metadata"]["namespace"]
    found = lookup(kind, namespace, reference["name"])
    if found is None and not reference.get("optional"):
        raise _missing(kind, reference["name"])
    value = texts(found).get(reference["key"])
    if value is None and not reference.get("optional"):
        singular = "ConfigMap" if kind == "configmaps" else "Secret"
        raise Unfit(
            f"couldn't find key {reference['key']} in {singular} "
            f"{namespace}/{reference['name']}"
        )
    return value


def _missing(kind: str, name: str) -> Unfit:
    return Unfit(f'{kind.removesuffix("s")} "{name}" not found')


def field_value(pod: Mapping[str, Any], path: str, pod_ip: str) -> str:
    """Return the value of a downward API field, as far as they are known here."""
    metadata, spec = pod["metadata"], pod["spec"]
    for group in ("labels", "annotations"):
        if path.startswith(f"metadata.{group}['"):
            return str(metadata.get(group, {}).get(path[len(group) + 11 : -2], ""))
    fields: dict[str, str] = {
        "metadata.name": metadata["name"],
        "metadata.namespace": metadata["namespace"],
        "metadata.uid": metadata["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", "default"),
        "status.podIP": pod_ip,
        "status.podIPs": pod_ip,
        "status.hostIP": "127.0.0.1",
    }
    return fields.get(path, "")


def texts(found: Mapping[str, Any] | None) -> dict[str, str]:
    """Return the entries of a ConfigMap or Secret that are text."""
    return {
        key: value.decode(errors="surrogateescape")
        for key, value in contents(found).items()
    }


def contents(found: Mapping[str, Any] | None) -> dict[str, bytes]:
    """Return the entries of a ConfigMap or Secret; nothing has none."""
    if found is None:
        return {}
    coded = "data" if found.get("kind") == "Secret" else "binaryData"
    entries = {k: base64.b64decode(v) for k, v in (found.get(coded) or {}).items()}
    if coded == "binaryData":
        plain = found.get("data") or {}
        entries |= {key: value.encode() for key, value in plain.items()}
    return entries

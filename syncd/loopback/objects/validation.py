"""The rules that an object must obey, in the server's own words.

These are the ones that people and tools run into; a cluster has many more.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from syncd.loopback.apierror import invalid
from syncd.loopback.catalog import Resource
from syncd.loopback.dialect import Dialect
from syncd.loopback.objects.schema import Json
from syncd.loopback.objects.selectors import selector_match
from syncd.loopback.store import Object


Cause = tuple[str, str, str]  # reason, message, field

_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_SUBDOMAIN = rf"{_LABEL}(\.{_LABEL})*"
_DNS_1035 = r"[a-z]([-a-z0-9]*[a-z0-9])?"
_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"
_NAME = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"

_BAD_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, "
    "'-' or '.', and must start and end with an alphanumeric character (e.g. "
    f"'example.com', regex used for validation is '{_SUBDOMAIN}')"
)
_BAD_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or "
    "'-', and must start and end with an alphanumeric character (e.g. 'my-name',  or "
    f"'123-abc', regex used for validation is '{_LABEL}')"
)
_BAD_1035 = (
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start "
    "with an alphabetic character, and end with an alphanumeric character (e.g. "
    f"'my-name',  or 'abc-123', regex used for validation is '{_DNS_1035}')"
)
_BAD_VALUE = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', "
    "'_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',"
    f"  or 'my_value',  or '12345', regex used for validation is '{_VALUE}')"
)
_BAD_KEY = (
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
    f"'123-abc', regex used for validation is '{_NAME}')"
)
_NAME_RULES = {
    "Namespace": (_LABEL, _BAD_LABEL, 63),
    "Service": (_DNS_1035, _BAD_1035, 63),
}
_FREE_NAMES = {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
_POD_MAY_CHANGE = {
    "activeDeadlineSeconds",
    "tolerations",
    "terminationGracePeriodSeconds",
}
_STATEFUL_MAY_CHANGE = {
    "replicas",
    "ordinals",
    "template",
    "updateStrategy",
    "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
    "minReadySeconds",
}


def validate(
    resource: Resource, obj: Object, before: Object | None, dialect: Dialect
) -> None:
    """Check `obj`, which takes the place of `before` (None: it is created).

    Raises:
        ApiError: 422 that names every broken rule.
    """
    causes = list(_metadata(resource, obj))
    if rule := _RULES.get(resource.kind):
        causes += rule(obj, dialect)
    if before is not None and (change := _UPDATES.get(resource.kind)):
        causes += change(before, obj)
    if causes:
        raise invalid(resource, obj["metadata"].get("name", ""), causes)


def _required(field: str, message: str = "") -> Cause:
    text = f"Required value: {message}" if message else "Required value"
    return "FieldValueRequired", text, field


def _bad(field: str, value: Json, message: str) -> Cause:
    return "FieldValueInvalid", f"Invalid value: {value}: {message}", field


def _forbidden(field: str, message: str) -> Cause:
    return "FieldValueForbidden", f"Forbidden: {message}", field


def _metadata(resource: Resource, obj: Object) -> Iterator[Cause]:
    metadata = obj["metadata"]
    name = metadata.get("name", "")
    if not name:
        yield _required("metadata.name", "name or generateName is required")
    elif resource.kind not in _FREE_NAMES:
        pattern, message, longest = _NAME_RULES.get(
            resource.kind, (_SUBDOMAIN, _BAD_SUBDOMAIN, 253)
        )
        if not re.fullmatch(pattern, name):
            yield _bad("metadata.name", json.dumps(name), message)
        if len(name) > longest:
            too_long = f"must be no more than {longest} characters"
            yield _bad("metadata.name", json.dumps(name), too_long)
    yield from _labels(metadata.get("labels") or {}, "metadata.labels")


def _labels(labels: dict[str, str], field: str) -> Iterator[Cause]:
    for key, value in labels.items():
        if not re.fullmatch(_NAME, key.rpartition("/")[2]):
            yield _bad(field, json.dumps(key), _BAD_KEY)
        if len(value) > 63:
            too_long = "must be no more than 63 characters"
            yield _bad(field, json.dumps(value), too_long)
        elif not re.fullmatch(_VALUE, value):
            yield _bad(field, json.dumps(value), _BAD_VALUE)


def _containers(spec: dict[str, Any], field: str) -> Iterator[Cause]:
    containers = spec.get("containers", ())
    if not containers:
        yield _required(f"{field}.containers")
    seen: set[str] = set()
    for at, container in enumerate(containers):
        where = f"{field}.containers[{at}]"
        name = container.get("name", "")
        if not name:
            yield _required(f"{where}.name")
        elif not re.fullmatch(_LABEL, name):
            yield _bad(f"{where}.name", json.dumps(name), _BAD_LABEL)
        if name in seen:
            yield "FieldValueDuplicate", f'Duplicate value: "{name}"', f"{where}.name"
        seen.add(name)
        if not container.get("image"):
            yield _required(f"{where}.image")
        yield from _mounts(container, spec, where)


def _mounts(
    container: dict[str, Any], spec: dict[str, Any], where: str
) -> Iterator[Cause]:
    volumes = {volume.get("name") for volume in spec.get("volumes", ())}
    for at, mount in enumerate(container.get("volumeMounts", ())):
        if mount.get("name") not in volumes:
            field = f"{where}.volumeMounts[{at}].name"
            name = json.dumps(mount.get("name", ""))
            yield "FieldValueNotFound", f"Not found: {name}", field


def _pod(obj: Object, _: Dialect) -> Iterator[Cause]:
    yield from _containers(obj.get("spec") or {}, "spec")


def _workload(obj: Object, dialect: Dialect) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    if spec.get("replicas", 0) < 0:
        too_few = "must be greater than or equal to 0"
        yield _bad("spec.replicas", spec["replicas"], too_few)
    if not spec.get("selector"):
        yield _required("spec.selector")
    elif not selector_match(spec["selector"])({"metadata": {"labels": labels}}):
        shown = json.dumps(labels, separators=(",", ":"), sort_keys=True)
        if not dialect.modern:
            shown = f"map[string]string{shown}"
        message = "`selector` does not match template `labels`"
        yield _bad("spec.template.metadata.labels", shown, message)
    yield from _labels(labels, "spec.template.labels")
    yield from _containers(template.get("spec") or {}, "spec.template.spec")


def _service(obj: Object, _: Dialect) -> Iterator[Cause]:
    spec = obj.get("spec") or {}
    if not spec.get("ports") and spec.get("clusterIP") != "None":
        yield _required("spec.ports")
    for at, port in enumerate(spec.get("ports", ())):
        if len(spec["ports"]) > 1 and not port.get("name"):
            yield _required(f"spec.ports[{at}].name")


def _binding(obj: Object, _: Dialect) -> Iterator[Cause]:
    if not (obj.get("roleRef") or {}).get("name"):
        yield _required("roleRef.name")


def _changed_pod(before: Object, after: Object) -> Iterator[Cause]:
    old, new = before["spec"], after["spec"]
    names = [[item["name"] for item in spec["containers"]] for spec in (old, new)]
    if names[0] != names[1]:
        message = "pod updates may not add or remove containers"
        yield _forbidden("spec.containers", message)
    elif _frozen(old) != _frozen(new):
        message = (
            "pod updates may not change fields other than "
            "`spec.containers[*].image`,`spec.initContainers[*].image`,"
            "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
            "existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to "
            "be set to 1 if it was previously negative)"
        )
        yield _forbidden("spec", message)


def _frozen(spec: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in spec.items() if key not in _POD_MAY_CHANGE}
    for group in ("containers", "initContainers"):
        kept[group] = [
            {key: value for key, value in item.items() if key != "image"}
            for item in spec.get(group, ())
        ]
    return kept


def _changed_selector(before: Object, after: Object) -> Iterator[Cause]:
    if before["spec"]["selector"] != after["spec"].get("selector"):
        shown = json.dumps(after["spec"].get("selector"), separators=(",", ":"))
        yield _bad("spec.selector", shown, "field is immutable")


def _changed_stateful(before: Object, after: Object) -> Iterator[Cause]:
    old, new = before["spec"], after["spec"]
    fixed = (set(old) | set(new)) - _STATEFUL_MAY_CHANGE
    if any(old.get(name) != new.get(name) for name in fixed):
        message = (
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', "
            "'template', 'updateStrategy', 'revisionHistoryLimit', "
            "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
        )
        yield _forbidden("spec", message)


def _changed_binding(before: Object, after: Object) -> Iterator[Cause]:
    if before["roleRef"] != after.get("roleRef"):
        shown = json.dumps(after.get("roleRef"), separators=(",", ":"))
        yield _bad("roleRef", shown, "cannot change roleRef")


_RULES: dict[str, Callable[[Object, Dialect], Iterator[Cause]]] = {
    "ClusterRoleBinding": _binding,
    "Deployment": _workload,
    "Pod": _pod,
    "ReplicaSet": _workload,
    "RoleBinding": _binding,
    "Service": _service,
    "StatefulSet": _workload,
}
_UPDATES: dict[str, Callable[[Object, Object], Iterator[Cause]]] = {
    "ClusterRoleBinding": _changed_binding,
    "Deployment": _changed_selector,
    "Pod": _changed_pod,
    "ReplicaSet": _changed_selector,
    "RoleBinding": _changed_binding,
    "StatefulSet": _changed_stateful,
}

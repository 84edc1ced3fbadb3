"""What a server fills in where a manifest is silent."""

import base64
import random
import re
from collections.abc import Callable
from typing import Any

from syncd.loopback.objects.schema import Json
from syncd.loopback.store import Object


NODE = "syncd-loopback"
_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_TOLERATIONS = [
    {
        "key": f"node.kubernetes.io/{what}",
        "operator": "Exists",
        "effect": "NoExecute",
        "tolerationSeconds": 300,
    }
    for what in ("not-ready", "unreachable")
]
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def suffix() -> str:
    """Five letters that make a generated name unique and never a word."""
    return "".join(random.choices(_SUFFIX_LETTERS, k=5))  # noqa: S311  names, no secrets


def with_defaults(obj: Object) -> Object:
    """`obj` with the defaults of its kind; the argument is not edited."""
    fill = _FILL.get(obj["kind"])
    return fill(obj) if fill else obj


def _over(value: dict[str, Any] | None, **defaults: Json) -> dict[str, Any]:
    """`value` with what it lacks of `defaults`, in the order of `defaults`."""
    return {**defaults, **(value or {})}


def pod_template(template: dict[str, Any]) -> dict[str, Any]:
    """The template of a workload with its Pod's defaults."""
    metadata = dict(template.get("metadata") or {})
    return {"metadata": metadata, "spec": pod_spec(template.get("spec") or {})}


def pod_spec(spec: dict[str, Any]) -> dict[str, Any]:
    """The defaults that hold in a template and in a Pod alike."""
    filled = _over(
        spec,
        restartPolicy="Always",
        terminationGracePeriodSeconds=30,
        dnsPolicy="ClusterFirst",
        securityContext={},
        schedulerName="default-scheduler",
    )
    for group in ("initContainers", "containers"):
        if group in filled:
            filled[group] = [_container(item) for item in filled[group]]
    if "volumes" in filled:
        filled["volumes"] = [_volume(item) for item in filled["volumes"]]
    if name := filled.get("serviceAccountName"):
        filled.setdefault("serviceAccount", name)
    return filled


def _container(container: dict[str, Any]) -> dict[str, Any]:
    image = container.get("image", "")
    floating = "@" not in image and (
        ":" not in image.rpartition("/")[2] or image.endswith(":latest")
    )
    filled = _over(
        container,
        resources={},
        terminationMessagePath="/dev/termination-log",
        terminationMessagePolicy="File",
        imagePullPolicy="Always" if floating else "IfNotPresent",
    )
    if "ports" in filled:
        filled["ports"] = [_over(port, protocol="TCP") for port in filled["ports"]]
    for name in _PROBES:
        if name in filled:
            filled[name] = _probe(filled[name])
    return filled


def _probe(probe: dict[str, Any]) -> dict[str, Any]:
    filled = _over(
        probe,
        timeoutSeconds=1,
        periodSeconds=10,
        successThreshold=1,
        failureThreshold=3,
    )
    if "httpGet" in filled:
        filled["httpGet"] = _over(filled["httpGet"], path="/", scheme="HTTP")
    return filled


def _volume(volume: dict[str, Any]) -> dict[str, Any]:
    for source in ("configMap", "secret", "projected", "downwardAPI"):
        if source in volume:
            return {**volume, source: _over(volume[source], defaultMode=420)}
    if set(volume) == {"name"}:
        return {**volume, "emptyDir": {}}
    return volume


def _pod(obj: Object) -> Object:
    spec = pod_spec(obj.get("spec") or {})
    account = spec.setdefault("serviceAccountName", "default")
    spec.setdefault("serviceAccount", account)
    spec.setdefault("tolerations", _TOLERATIONS)
    spec.setdefault("priority", 0)
    spec.setdefault("enableServiceLinks", True)
    spec.setdefault("preemptionPolicy", "PreemptLowerPriority")
    spec["containers"] = [_requested(item) for item in spec.get("containers", ())]
    status = obj.get("status") or {"phase": "Pending", "qosClass": _qos(spec)}
    return {**obj, "spec": spec, "status": status}


def _requested(container: dict[str, Any]) -> dict[str, Any]:
    """A limit without a request is a request of the same: in Pods, not templates."""
    resources = container["resources"]
    if not (limits := resources.get("limits")):
        return container
    requests = {**limits, **resources.get("requests", {})}
    return {**container, "resources": {**resources, "requests": requests}}


def _qos(spec: dict[str, Any]) -> str:
    resources = [item.get("resources", {}) for item in spec.get("containers", ())]
    if not any(resources):
        return "BestEffort"
    both = {"cpu", "memory"}
    guaranteed = all(
        both <= set(item.get("limits", {}))
        and item.get("limits") == item.get("requests")
        for item in resources
    )
    return "Guaranteed" if guaranteed else "Burstable"


def _workload(obj: Object, **defaults: Json) -> Object:
    spec = _over(obj.get("spec"), replicas=1)
    spec["template"] = pod_template(spec.get("template") or {})
    for name, value in defaults.items():
        spec.setdefault(name, value)
    return {**obj, "spec": spec, "status": obj.get("status") or {}}


def _deployment(obj: Object) -> Object:
    filled = _workload(
        obj, strategy={}, revisionHistoryLimit=10, progressDeadlineSeconds=600
    )
    strategy = _over(filled["spec"]["strategy"], type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        strategy["rollingUpdate"] = _over(
            strategy.get("rollingUpdate"), maxUnavailable="25%", maxSurge="25%"
        )
    filled["spec"]["strategy"] = strategy
    return filled


def _replica_set(obj: Object) -> Object:
    filled = _workload(obj)
    filled["status"] = filled["status"] or {"replicas": 0}
    return filled


def _stateful_set(obj: Object) -> Object:
    filled = _workload(
        obj,
        podManagementPolicy="OrderedReady",
        updateStrategy={},
        revisionHistoryLimit=10,
    )
    update = _over(filled["spec"]["updateStrategy"], type="RollingUpdate")
    if update["type"] == "RollingUpdate":
        update["rollingUpdate"] = _over(update.get("rollingUpdate"), partition=0)
    filled["spec"]["updateStrategy"] = update
    filled["status"] = filled["status"] or {"replicas": 0}
    return filled


def _service(obj: Object) -> Object:
    spec = _over(obj.get("spec"), type="ClusterIP", sessionAffinity="None")
    spec["ports"] = [
        _over(port, protocol="TCP", targetPort=port.get("port"))
        for port in spec.get("ports", ())
    ]
    if spec["type"] != "ExternalName":
        address = spec.setdefault("clusterIP", _cluster_address())
        spec.setdefault("clusterIPs", [address])
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
    return {**obj, "spec": spec, "status": obj.get("status") or {"loadBalancer": {}}}


def _cluster_address() -> str:
    low = random.randrange(256 * 254)  # noqa: S311  an address, no secret
    return f"10.43.{low // 254}.{1 + low % 254}"


def _secret(obj: Object) -> Object:
    filled = _over(obj, type="Opaque")
    plain = filled.pop("stringData", None) or {}
    if plain:
        encoded = {
            name: base64.b64encode(text.encode()).decode()
            for name, text in plain.items()
        }
        filled["data"] = {**filled.get("data", {}), **encoded}
    return filled


def _namespace(obj: Object) -> Object:
    labels = {**(obj["metadata"].get("labels") or {})}
    labels["kubernetes.io/metadata.name"] = obj["metadata"]["name"]
    return {
        **obj,
        "metadata": {**obj["metadata"], "labels": labels},
        "spec": _over(obj.get("spec"), finalizers=["kubernetes"]),
        "status": obj.get("status") or {"phase": "Active"},
    }


def _binding(obj: Object) -> Object:
    group = "rbac.authorization.k8s.io"
    role = _over(obj.get("roleRef"), apiGroup=group)
    subjects = [
        item if item.get("kind") == "ServiceAccount" else _over(item, apiGroup=group)
        for item in obj.get("subjects", ())
    ]
    return {**obj, "roleRef": role, "subjects": subjects}


def _claim(obj: Object) -> Object:
    return {
        **obj,
        "spec": _over(obj.get("spec"), volumeMode="Filesystem"),
        "status": obj.get("status") or {"phase": "Pending"},
    }


_FILL: dict[str, Callable[[Object], Object]] = {
    "ClusterRoleBinding": _binding,
    "Deployment": _deployment,
    "Namespace": _namespace,
    "PersistentVolumeClaim": _claim,
    "Pod": _pod,
    "ReplicaSet": _replica_set,
    "RoleBinding": _binding,
    "Secret": _secret,
    "Service": _service,
    "StatefulSet": _stateful_set,
}

_PERCENT = re.compile(r"(\d+)%")


def share(value: Json, of: int, *, round_up: bool) -> int:
    """An int-or-percentage such as `maxSurge`, as a number of Pods."""
    if isinstance(value, int):
        return value
    found = _PERCENT.fullmatch(str(value))
    if found is None:
        return 0
    product = int(found[1]) * of
    return -(-product // 100) if round_up else product // 100

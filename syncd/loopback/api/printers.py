"""The columns of `kubectl get`, computed from what the objects say."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from syncd.loopback.api.wording import age, is_true, pod_status
from syncd.loopback.store import Object


Cells = list[Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column; those of priority 1 show with `-o wide` only."""

    name: str
    kind: str = "string"
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Printer:
    """The columns of a kind and the cells of an object."""

    columns: tuple[Column, ...]
    cells: Callable[[Object], Cells]


def _columns(text: str) -> tuple[Column, ...]:
    """`Name Ready:integer Node+`: a plus marks what `-o wide` adds."""
    columns = []
    for word in text.split():
        name, _, kind = word.rstrip("+").partition(":")
        shown = name.replace("_", " ")
        columns.append(Column(shown, kind or "string", int(word.endswith("+"))))
    return tuple(columns)


def _name(obj: Object) -> str:
    return str(obj["metadata"]["name"])


def _age(obj: Object) -> str:
    return age(obj["metadata"].get("creationTimestamp"))


def _pod(pod: Object) -> Cells:
    status, spec = pod["status"], pod["spec"]
    statuses = status.get("containerStatuses", ())
    ready = sum(1 for item in statuses if item.get("ready"))
    gates = spec.get("readinessGates")
    return [
        _name(pod),
        f"{ready}/{len(spec['containers'])}",
        pod_status(pod),
        _restarts(statuses),
        _age(pod),
        status.get("podIP") or "<none>",
        spec.get("nodeName") or "<none>",
        status.get("nominatedNodeName") or "<none>",
        f"0/{len(gates)}" if gates else "<none>",
    ]


def _restarts(statuses: list[Any]) -> str:
    total = sum(item.get("restartCount", 0) for item in statuses)
    ends = [
        item["lastState"]["terminated"].get("finishedAt")
        for item in statuses
        if item.get("lastState", {}).get("terminated")
    ]
    latest = max((end for end in ends if end), default=None)
    return f"{total} ({age(latest)} ago)" if total and latest else str(total)


def _containers(obj: Object, field: str) -> str:
    return ",".join(c[field] for c in obj["spec"]["template"]["spec"]["containers"])


def _selector(selector: Mapping[str, Any] | None) -> str:
    if not selector:
        return "<none>"
    labels = selector.get("matchLabels", {}) if "matchLabels" in selector else selector
    return ",".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _deployment(obj: Object) -> Cells:
    status = obj.get("status", {})
    return [
        _name(obj),
        f"{status.get('readyReplicas', 0)}/{obj['spec']['replicas']}",
        status.get("updatedReplicas", 0),
        status.get("availableReplicas", 0),
        _age(obj),
        _containers(obj, "name"),
        _containers(obj, "image"),
        _selector(obj["spec"]["selector"]),
    ]


def _replica_set(obj: Object) -> Cells:
    status = obj.get("status", {})
    return [
        _name(obj),
        obj["spec"]["replicas"],
        status.get("replicas", 0),
        status.get("readyReplicas", 0),
        _age(obj),
        _containers(obj, "name"),
        _containers(obj, "image"),
        _selector(obj["spec"]["selector"]),
    ]


def _stateful_set(obj: Object) -> Cells:
    return [
        _name(obj),
        f"{obj.get('status', {}).get('readyReplicas', 0)}/{obj['spec']['replicas']}",
        _age(obj),
        _containers(obj, "name"),
        _containers(obj, "image"),
    ]


def _node_port(port: Mapping[str, Any]) -> str:
    return f":{port['nodePort']}" if "nodePort" in port else ""


def _service(obj: Object) -> Cells:
    spec = obj["spec"]
    ports = ",".join(
        f"{port['port']}{_node_port(port)}/{port['protocol']}"
        for port in spec.get("ports", ())
    )
    return [
        _name(obj),
        spec["type"],
        spec.get("clusterIP") or "<none>",
        spec.get("externalName") or "<none>",
        ports or "<none>",
        _age(obj),
        _selector(spec.get("selector")),
    ]


def _endpoints(obj: Object) -> Cells:
    shown = [
        f"{address['ip']}:{port['port']}"
        for subset in obj.get("subsets", ())
        for address in subset.get("addresses", ())
        for port in subset.get("ports", ())
    ]
    more = f" + {len(shown) - 3} more..." if len(shown) > 3 else ""
    return [_name(obj), (",".join(shown[:3]) or "<none>") + more, _age(obj)]


def _endpoint_slice(obj: Object) -> Cells:
    addresses = [a for e in obj.get("endpoints") or () for a in e["addresses"]]
    ports = [str(port["port"]) for port in obj.get("ports") or ()]
    return [
        _name(obj),
        obj["addressType"],
        ",".join(ports) or "<unset>",
        ",".join(addresses[:3]) or "<unset>",
        _age(obj),
    ]


def _event(obj: Object) -> Cells:
    about, source = obj["involvedObject"], obj.get("source") or {}
    last = obj.get("lastTimestamp") or obj.get("eventTime")
    first = obj.get("firstTimestamp") or last
    return [
        age(last),
        obj.get("type"),
        obj.get("reason"),
        f"{about['kind'].lower()}/{about['name']}",
        about.get("fieldPath", ""),
        f"{source.get('component', '')}, {source.get('host', '')}".strip(", "),
        obj.get("message", "").strip(),
        age(first),
        obj.get("count", 1),
        _name(obj),
    ]


def _node(obj: Object) -> Cells:
    info = obj["status"]["nodeInfo"]
    addresses = {a["type"]: a["address"] for a in obj["status"]["addresses"]}
    return [
        _name(obj),
        "Ready" if is_true(obj["status"], "Ready") else "NotReady",
        "<none>",
        _age(obj),
        info["kubeletVersion"],
        addresses.get("InternalIP", "<none>"),
        "<none>",
        info["osImage"],
        info["kernelVersion"],
        info["containerRuntimeVersion"],
    ]


def _binding(obj: Object) -> Cells:
    ref = obj["roleRef"]
    return [_name(obj), f"{ref['kind']}/{ref['name']}", _age(obj)]


def _secret(obj: Object) -> Cells:
    return [_name(obj), obj.get("type"), len(obj.get("data", {})), _age(obj)]


def _role(obj: Object) -> Cells:
    return [_name(obj), obj["metadata"].get("creationTimestamp")]


PLAIN = Printer(_columns("Name Age"), lambda obj: [_name(obj), _age(obj)])
_ROLE = Printer(_columns("Name Created_At"), _role)
_BINDING = Printer(_columns("Name Role Age"), _binding)
_WORKLOAD = "Containers+ Images+"

PRINTERS: dict[str, Printer] = {
    "Pod": Printer(
        _columns(
            "Name Ready Status Restarts Age IP+ Node+ Nominated_Node+ Readiness_Gates+"
        ),
        _pod,
    ),
    "Deployment": Printer(
        _columns(
            f"Name Ready Up-to-date:integer Available:integer Age {_WORKLOAD} Selector+"
        ),
        _deployment,
    ),
    "ReplicaSet": Printer(
        _columns(
            f"Name Desired:integer Current:integer Ready:integer Age {_WORKLOAD} Selector+"
        ),
        _replica_set,
    ),
    "StatefulSet": Printer(_columns(f"Name Ready Age {_WORKLOAD}"), _stateful_set),
    "Service": Printer(
        _columns("Name Type Cluster-IP External-IP Port(s) Age Selector+"), _service
    ),
    "Endpoints": Printer(_columns("Name Endpoints Age"), _endpoints),
    "EndpointSlice": Printer(
        _columns("Name AddressType Ports Endpoints Age"), _endpoint_slice
    ),
    "ConfigMap": Printer(
        _columns("Name Data:integer Age"),
        lambda obj: [_name(obj), len(obj.get("data", {})), _age(obj)],
    ),
    "Secret": Printer(_columns("Name Type Data:integer Age"), _secret),
    "Namespace": Printer(
        _columns("Name Status Age"),
        lambda obj: [_name(obj), obj["status"]["phase"], _age(obj)],
    ),
    "ServiceAccount": Printer(
        _columns("Name Secrets:integer Age"),
        lambda obj: [_name(obj), len(obj.get("secrets", ())), _age(obj)],
    ),
    "Event": Printer(
        _columns(
            "Last_Seen Type Reason Object Subobject+ Source+ Message First_Seen+ Count:integer+ Name+"
        ),
        _event,
    ),
    "Node": Printer(
        _columns(
            "Name Status Roles Age Version Internal-IP+ External-IP+ OS-Image+ "
            "Kernel-Version+ Container-Runtime+"
        ),
        _node,
    ),
    "Role": _ROLE,
    "ClusterRole": _ROLE,
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
}

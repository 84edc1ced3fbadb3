"""Which containers are replicas of a target, and why the others are not.

Pure: objects of the API in, a `View` out. The rules:

- Every container that runs is a replica, ready or not: one that is not ready because
  of the last edit must get the next one. So during a rollout old and new Pods both are.
- A Pod that is leaving is none. Only `metadata.deletionTimestamp` tells: its status
  goes on saying Running and ready.
- A container that does not run is skipped with the reason, and is a replica from the
  moment it runs, with its new container id.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from syncd.cluster import reasons
from syncd.cluster.containers import choose_container
from syncd.cluster.readiness import Probe, readiness
from syncd.errors import ConfigError, TargetError


Object = Mapping[str, Any]
"""One object of the API, as parsed from JSON."""

Kind = Literal["deployment", "statefulset", "pod", "selector"]

_KINDS: Mapping[str, Kind] = {
    **dict.fromkeys(("deployment", "deployments", "deploy"), "deployment"),
    **dict.fromkeys(("statefulset", "statefulsets", "sts"), "statefulset"),
    **dict.fromkeys(("pod", "pods", "po"), "pod"),
}
_SELECTOR = re.compile(r"=|\s(in|notin)\s*\(|^!")


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """What a person named: a workload, a Pod, or labels.

    Attributes:
        name: Of the workload or Pod; "" for a selector.
        selector: The label selector of kind "selector"; else "".
        container: Which of a Pod's containers; None where there is no choice.
    """

    namespace: str
    kind: Kind
    name: str = ""
    selector: str = ""
    container: str | None = None

    @classmethod
    def parse(
        cls, written: str, namespace: str, container: str | None = None
    ) -> "TargetSpec":
        """Return what `kind/name`, or a bare label selector, stands for.

        Raises:
            ConfigError: If it is neither.
        """
        word, slash, name = written.partition("/")
        kind = _KINDS.get(word.lower().removesuffix(".apps"))
        if slash and kind and name:
            return cls(namespace, kind, name=name, container=container)
        # A label's prefix is a domain: what has no dot before its slash was to be a kind.
        if _SELECTOR.search(written) or (name and "." in word) or (word and not slash):
            return cls(namespace, "selector", selector=written, container=container)
        raise ConfigError(
            f'"{written}" is not a target that syncd follows',
            hint="write deployment/NAME, statefulset/NAME, pod/NAME or a label"
            " selector such as app=NAME",
        )

    def __str__(self) -> str:
        """Read as people write it: `deployment/web`, or the selector."""
        return self.selector if self.kind == "selector" else f"{self.kind}/{self.name}"


@dataclass(frozen=True, slots=True)
class Replica:
    """One running container of a target.

    It is the same container only as long as `container_id` is the same.

    Attributes:
        image: As the Pod's spec names it.
        ready: What its readiness probe last said.
        restarts: How often it was restarted in this Pod.
        probe: Its readiness probe, if it has one.
    """

    namespace: str
    pod: str
    uid: str
    container: str
    container_id: str
    image: str
    ready: bool
    restarts: int
    node: str
    probe: Probe | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """A Pod that matched and is no replica."""

    pod: str
    reason: str


@dataclass(frozen=True, slots=True)
class View:
    """What is known of a target's containers at one moment.

    Attributes:
        returning: Those of the skipped that ran, ended, and will be started again.
        note: What stands above the Pods, such as a workload that does not exist.
    """

    replicas: tuple[Replica, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    note: str = ""
    returning: tuple[Replica, ...] = ()

    def explain(self, spec: TargetSpec) -> TargetError:
        """Return the error for having to go on with no replica at all."""
        reasons = [f"{pod.pod}: {pod.reason}" for pod in self.skipped]
        why = "; ".join(filter(None, (self.note, *reasons))) or "no Pod matches"
        return TargetError(
            f'{spec} in namespace "{spec.namespace}" has no running container: {why}',
            hint=f"kubectl get pods -n {spec.namespace}",
        )


def label_selector(workload: Object) -> str:
    """Return the selector of a workload as one string, for a list or watch."""
    selector = workload.get("spec", {}).get("selector") or {}
    labels = selector.get("matchLabels") or {}
    terms = [f"{key}={value}" for key, value in sorted(labels.items())]
    terms += map(_term, selector.get("matchExpressions") or ())
    return ",".join(terms)


def _term(expression: Object) -> str:
    key, values = expression["key"], ",".join(expression.get("values") or ())
    match expression["operator"]:
        case "In":
            return f"{key} in ({values})"
        case "NotIn":
            return f"{key} notin ({values})"
        case "Exists":
            return str(key)
        case "DoesNotExist":
            return f"!{key}"
        case other:
            raise TargetError(f"a selector with the operator {other} is not understood")


def select(
    spec: TargetSpec,
    pods: Iterable[Object],
    *,
    uid: str = "",
    adopted: Collection[str] = (),
) -> View:
    """Return which of the Pods' containers are replicas of the target.

    Args:
        spec: The target.
        pods: All Pods that its labels, or its name, match.
        uid: The workload's, if it has one and it is known.
        adopted: The uids of ReplicaSets that were looked up and found to be its own.
    """
    replicas: list[Replica] = []
    returning: list[Replica] = []
    skipped: list[Skipped] = []
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"])):
        replica, reason = _judge(spec, pod, uid, adopted)
        if reason:
            skipped.append(Skipped(pod["metadata"]["name"], reason))
        if replica is not None:
            (returning if reason else replicas).append(replica)
    return View(tuple(replicas), tuple(skipped), returning=tuple(returning))


def _judge(
    spec: TargetSpec, pod: Object, uid: str, adopted: Collection[str]
) -> tuple[Replica | None, str]:
    """Return the Pod's container, and why it is no replica now; either may be missing."""
    reason = reasons.leaving(pod) or _foreign(spec, pod, uid, adopted)
    if reason or (reason := reasons.over(pod)):
        return None, reason
    try:
        name = choose_container(pod, spec.container)
    except TargetError as error:
        return None, str(error)
    status = reasons.container_status(pod, name)
    if "running" in (status.get("state") or {}):
        return _replica(pod, name, status), ""
    returns = reasons.returns(pod, status)
    replica = _replica(pod, name, status) if returns else None
    return replica, reasons.not_running(pod, name)


def _replica(pod: Object, name: str, status: Object) -> Replica:
    return Replica(
        namespace=pod["metadata"]["namespace"],
        pod=pod["metadata"]["name"],
        uid=pod["metadata"]["uid"],
        container=name,
        container_id=status.get("containerID") or "",
        image=_image(pod, name),
        ready=bool(status.get("ready")),
        restarts=int(status.get("restartCount") or 0),
        node=pod["spec"].get("nodeName") or "",
        probe=readiness(pod, name),
    )


def _image(pod: Object, name: str) -> str:
    containers = (
        *(pod["spec"].get("containers") or ()),
        *(pod["spec"].get("initContainers") or ()),
    )
    return next((c.get("image") or "" for c in containers if c["name"] == name), "")


# --- whose Pod it is ------------------------------------------------------------


def controller(pod: Object) -> Object:
    """Return the owner reference that manages the Pod, or {}."""
    owners = pod["metadata"].get("ownerReferences") or ()
    return next((owner for owner in owners if owner.get("controller")), {})


def is_named_after(deployment: str, pod: Object) -> bool:
    """Tell whether the Pod's ReplicaSet has the name that `deployment` gives one.

    That is its own name and the hash that the Pod carries as a label, so no other
    Deployment makes it. Only an adopted ReplicaSet may be named otherwise.
    """
    revision = (pod["metadata"].get("labels") or {}).get("pod-template-hash", "")
    return bool(controller(pod).get("name") == f"{deployment}-{revision}")


def _foreign(
    spec: TargetSpec, pod: Object, uid: str, adopted: Collection[str]
) -> str | None:
    """Return why the Pod, although it matches, is not the workload's; else None."""
    if spec.kind in {"pod", "selector"}:
        return None
    owner = controller(pod)
    if spec.kind == "deployment":
        own = owner.get("kind") == "ReplicaSet" and (
            is_named_after(spec.name, pod) or owner.get("uid") in adopted
        )
    else:
        own = owner.get("kind") == "StatefulSet" and owner.get("name") == spec.name
        own = own and uid in {"", owner.get("uid")}
    if own:
        return None
    by = f"{owner['kind']} {owner['name']}" if owner else "nobody"
    return f"has the labels of {spec}, but is managed by {by}"

"""StatefulSet to Pods: by ordinal, one after the other."""

from collections.abc import Iterable
from typing import Any

from syncd.loopback.api.wording import is_true
from syncd.loopback.apierror import ApiError
from syncd.loopback.controllers.context import (
    Context,
    is_finished,
    is_leaving,
    key_of,
    owner_keys,
    reference,
)
from syncd.loopback.controllers.loop import Key
from syncd.loopback.controllers.rollout import template_hash
from syncd.loopback.objects.place import Place
from syncd.loopback.store import Event, Object


_COMPONENT = "statefulset-controller"
_REVISION = "controller-revision-hash"
_POD_NAME = "statefulset.kubernetes.io/pod-name"
_INDEX = "apps.kubernetes.io/pod-index"


class StatefulSets:
    """Keeps the Pods `NAME-0`, `NAME-1`, … of a StatefulSet."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._sets = context.catalog.named("statefulsets")
        self._pods = context.catalog.named("pods")
        self._revisions = context.catalog.named("controllerrevisions")
        self._claims = context.catalog.named("persistentvolumeclaims")

    def everything(self) -> Iterable[Key]:
        """All StatefulSets."""
        return [key_of(obj) for obj in self._context.store.all(self._sets)]

    def keys(self, event: Event) -> Iterable[Key]:
        """A StatefulSet itself, or the owner of a Pod."""
        if event.resource == self._sets:
            yield key_of(event.after)
        elif event.resource == self._pods:
            yield from owner_keys(event.after, "StatefulSet")

    def reconcile(self, key: Key) -> float | None:
        """Take the next step that the order allows, then report."""
        owner = self._context.store.get(self._sets, *key)
        if owner is None or is_leaving(owner):
            return None
        update = self._revision(owner)
        again_s = None
        try:
            self._step(owner, self._by_ordinal(owner), update)
        except ApiError as error:
            self._say(owner, "FailedCreate", error.message, kind="Warning")
            again_s = 1.0
        self._report(owner, update)
        return again_s

    def _by_ordinal(self, owner: Object) -> dict[int, Object]:
        pods = self._context.owned(self._pods, owner)
        return {int(p["metadata"]["name"].rpartition("-")[2]): p for p in pods}

    def _step(self, owner: Object, pods: dict[int, Object], update: str) -> None:
        replicas = owner["spec"]["replicas"]
        ordered = owner["spec"]["podManagementPolicy"] != "Parallel"
        for ordinal in range(replicas):
            pod = pods.get(ordinal)
            if pod is None:
                self._create(owner, ordinal, update)
            elif is_finished(pod) and not is_leaving(pod):
                self._context.delete(pod)
            if ordered and (pod is None or not _serves(pod)):
                return
        surplus = sorted((at for at in pods if at >= replicas), reverse=True)
        for ordinal in surplus:
            if not is_leaving(pods[ordinal]):
                self._delete(owner, pods[ordinal])
            if ordered:
                return
        if not surplus:
            self._roll(owner, pods, update)

    def _roll(self, owner: Object, pods: dict[int, Object], update: str) -> None:
        """Replace the Pods of an older template, from the last one down."""
        strategy = owner["spec"]["updateStrategy"]
        if strategy["type"] != "RollingUpdate":
            return
        first = strategy["rollingUpdate"]["partition"]
        for ordinal in sorted((at for at in pods if at >= first), reverse=True):
            pod = pods[ordinal]
            if pod["metadata"]["labels"].get(_REVISION) != update:
                if not is_leaving(pod):
                    self._delete(owner, pod)
                return
            if not _serves(pod):
                return

    def _revision(self, owner: Object) -> str:
        """The name of the revision of the present template, made if need be."""
        template = owner["spec"]["template"]
        name = f"{owner['metadata']['name']}-{template_hash(template)}"
        data = {"spec": {"template": {**template, "$patch": "replace"}}}
        known = self._context.owned(self._revisions, owner)
        highest = max((item["revision"] for item in known), default=0)
        same = next((item for item in known if item["metadata"]["name"] == name), None)
        if same is None:
            self._context.create(
                self._revisions,
                {
                    "kind": "ControllerRevision",
                    "apiVersion": "apps/v1",
                    "metadata": {
                        "name": name,
                        "namespace": owner["metadata"]["namespace"],
                        "labels": template["metadata"].get("labels", {}),
                        "ownerReferences": [reference(owner)],
                    },
                    "data": data,
                    "revision": highest + 1,
                },
            )
            self._forget(owner, known)
        elif same["revision"] < highest:
            self._context.store.replace(
                self._revisions, {**same, "revision": highest + 1}
            )
        return name

    def _forget(self, owner: Object, known: list[Object]) -> None:
        live = {
            pod["metadata"]["labels"].get(_REVISION)
            for pod in self._context.owned(self._pods, owner)
        }
        idle = [item for item in known if item["metadata"]["name"] not in live]
        keep = owner["spec"].get("revisionHistoryLimit", 10)
        idle.sort(key=lambda item: int(item["revision"]))
        for item in idle[: max(0, len(idle) - keep)]:
            self._context.delete(item)

    def _create(self, owner: Object, ordinal: int, update: str) -> None:
        template, metadata = owner["spec"]["template"], owner["metadata"]
        name = f"{metadata['name']}-{ordinal}"
        labels = {
            **template["metadata"].get("labels", {}),
            _REVISION: update,
            _POD_NAME: name,
        }
        if self._context.dialect.modern:
            labels[_INDEX] = str(ordinal)
        spec = {
            **template["spec"],
            "hostname": name,
            "subdomain": owner["spec"].get("serviceName", ""),
        }
        if claims := self._claim(owner, ordinal):
            spec["volumes"] = [*spec.get("volumes", ()), *claims]
        self._context.create(
            self._pods,
            {
                "kind": "Pod",
                "apiVersion": "v1",
                "metadata": {
                    **template["metadata"],
                    "name": name,
                    "namespace": metadata["namespace"],
                    "labels": labels,
                    "ownerReferences": [reference(owner)],
                },
                "spec": spec,
            },
        )
        text = f"create Pod {name} in StatefulSet {metadata['name']} successful"
        self._say(owner, "SuccessfulCreate", text)

    def _claim(self, owner: Object, ordinal: int) -> list[dict[str, Any]]:
        """The volumes of an ordinal's claims, which outlive its Pods."""
        volumes = []
        for template in owner["spec"].get("volumeClaimTemplates", ()):
            stem = template["metadata"]["name"]
            namespace = owner["metadata"]["namespace"]
            name = f"{stem}-{owner['metadata']['name']}-{ordinal}"
            place = Place(self._claims, namespace, name)
            if self._context.store.get(place.resource, namespace, name) is None:
                metadata = {
                    **template["metadata"],
                    "name": name,
                    "namespace": namespace,
                }
                self._context.create(self._claims, {**template, "metadata": metadata})
            claim = {"claimName": name}
            volumes.append({"name": stem, "persistentVolumeClaim": claim})
        return volumes

    def _delete(self, owner: Object, pod: Object) -> None:
        self._context.delete(pod)
        name = pod["metadata"]["name"]
        text = (
            f"delete Pod {name} in StatefulSet {owner['metadata']['name']} successful"
        )
        self._say(owner, "SuccessfulDelete", text)

    def _say(
        self, owner: Object, reason: str, message: str, *, kind: str = "Normal"
    ) -> None:
        self._context.recorder.record(
            owner, kind, reason, message, component=_COMPONENT
        )

    def _report(self, owner: Object, update: str) -> None:
        pods = [p for p in self._by_ordinal(owner).values() if not is_leaving(p)]
        current = owner.get("status", {}).get("currentRevision") or update
        updated = [p for p in pods if _is_of(p, update)]
        ready = [p for p in pods if _serves(p)]
        replicas = owner["spec"]["replicas"]
        if len(updated) == len(ready) == len(pods) == replicas:
            current = update
        counts = {
            "readyReplicas": len(ready),
            "currentReplicas": sum(1 for p in pods if _is_of(p, current)),
            "updatedReplicas": len(updated),
        }
        status: dict[str, Any] = {
            "observedGeneration": owner["metadata"].get("generation", 1),
            "replicas": len(pods),
            **{name: count for name, count in counts.items() if count},
            "currentRevision": current,
            "updateRevision": update,
            "collisionCount": 0,
        }
        if self._context.dialect.modern:
            status["availableReplicas"] = len(ready)
        key = key_of(owner)
        self._context.write_status(
            self._context.store.get(self._sets, *key) or owner, status
        )


def _serves(pod: Object) -> bool:
    running = pod["status"].get("phase") == "Running"
    return running and not is_leaving(pod) and is_true(pod["status"], "Ready")


def _is_of(pod: Object, revision: str) -> bool:
    return bool(pod["metadata"]["labels"].get(_REVISION) == revision)

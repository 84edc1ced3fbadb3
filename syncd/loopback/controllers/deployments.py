"""Deployment to ReplicaSets: create, scale, roll over, roll back, clean up."""

from collections.abc import Iterable

from syncd.loopback.api.wording import is_true
from syncd.loopback.controllers import rollout
from syncd.loopback.controllers.context import (
    Context,
    is_finished,
    is_leaving,
    key_of,
    owner_keys,
    reference,
)
from syncd.loopback.controllers.loop import Key
from syncd.loopback.store import Event, Object


_COMPONENT = "deployment-controller"


class Deployments:
    """Moves a Deployment's Pods from template to template, a step at a time.

    A step is what one look allows: each write of a ReplicaSet's status brings the next.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._deployments = context.catalog.named("deployments")
        self._sets = context.catalog.named("replicasets")
        self._pods = context.catalog.named("pods")

    def everything(self) -> Iterable[Key]:
        """All Deployments."""
        return [key_of(obj) for obj in self._context.store.all(self._deployments)]

    def keys(self, event: Event) -> Iterable[Key]:
        """A Deployment itself, or the owner of a ReplicaSet, or of a Pod that went."""
        if event.resource == self._deployments:
            yield key_of(event.after)
        elif event.resource == self._sets:
            yield from owner_keys(event.after, "Deployment")
        elif event.resource == self._pods and event.type == "DELETED":
            # Recreate waits for the last old Pod.
            for key in owner_keys(event.after, "ReplicaSet"):
                if owner := self._context.store.get(self._sets, *key):
                    yield from owner_keys(owner, "Deployment")

    def reconcile(self, key: Key) -> float | None:
        """Take the next step, then report."""
        deployment = self._context.store.get(self._deployments, *key)
        if deployment is None or is_leaving(deployment):
            return None
        sets = self._context.owned(self._sets, deployment)
        new = self._current(deployment, sets)
        old = [item for item in sets if item is not new]
        paused = deployment["spec"].get("paused", False)
        if not self._resize(deployment, sets, new, paused=paused) and not paused:
            self._step(deployment, old, new)
        return self._report(key)

    def _current(self, deployment: Object, sets: list[Object]) -> Object | None:
        """The ReplicaSet of the present template, or None."""
        template = deployment["spec"]["template"]
        same = (
            s for s in sets if rollout.same_template(s["spec"]["template"], template)
        )
        return min(same, key=lambda s: s["metadata"]["creationTimestamp"], default=None)

    def _resize(
        self,
        deployment: Object,
        sets: list[Object],
        new: Object | None,
        *,
        paused: bool,
    ) -> bool:
        """Follow a change of `replicas`; True if this was one."""
        sizes = rollout.sizes(deployment)
        active = [item for item in sets if item["spec"]["replicas"] or item is new]
        known = rollout.DESIRED
        resized = [
            item
            for item in active
            if item["metadata"].get("annotations", {}).get(known, sizes[known])
            != sizes[known]
        ]
        if not resized:
            return False
        serving = [item for item in active if item["spec"]["replicas"]]
        if len(serving) <= 1 or paused:
            # Mid-rollout, the growth of the new one below does the rest.
            chosen = serving[0] if serving else new
            if chosen is not None:
                self._scale(deployment, chosen, rollout.wanted(deployment))
        for item in active:
            if fresh := self._context.store.get(self._sets, *key_of(item)):
                self._annotate(fresh, sizes)
        return True

    def _step(self, deployment: Object, old: list[Object], new: Object | None) -> None:
        recreate = deployment["spec"]["strategy"]["type"] == "Recreate"
        if recreate and self._empty(deployment, old):
            return
        if new is None:
            self._create(deployment, old)
            return
        deployment, new = self._number(deployment, old, new)
        size = rollout.new_size(deployment, [*old, new], new)
        if new["spec"]["replicas"] > rollout.wanted(deployment):
            size = rollout.wanted(deployment)
        if size != new["spec"]["replicas"]:
            self._scale(deployment, new, size)
            return
        sizes = rollout.shrunk(deployment, old, new)
        for item in old:
            if (name := item["metadata"]["name"]) in sizes:
                self._scale(deployment, item, sizes[name])
        status = deployment.get("status", {})
        if not sizes and rollout.is_complete(deployment, status):
            self._clean(deployment, old)

    def _empty(self, deployment: Object, old: list[Object]) -> bool:
        """Scale old ReplicaSets to nothing; True while any Pod of theirs is left."""
        for item in old:
            if item["spec"]["replicas"]:
                self._scale(deployment, item, 0)
        return any(
            not is_finished(pod)
            for item in old
            for pod in self._context.owned(self._pods, item)
        )

    def _create(self, deployment: Object, old: list[Object]) -> None:
        template, metadata = deployment["spec"]["template"], deployment["metadata"]
        name_of_template = rollout.template_hash(template)
        labels = {
            **template["metadata"].get("labels", {}),
            rollout.HASH: name_of_template,
        }
        number = max((rollout.revision(item) for item in old), default=0) + 1
        annotations = {
            **rollout.inherited(deployment),
            **rollout.sizes(deployment),
            rollout.REVISION: str(number),
        }
        selector = deployment["spec"]["selector"]
        matched = {**selector.get("matchLabels", {}), rollout.HASH: name_of_template}
        name = f"{metadata['name']}-{name_of_template}"
        created = self._context.create(
            self._sets,
            {
                "kind": "ReplicaSet",
                "apiVersion": "apps/v1",
                "metadata": {
                    "name": name,
                    "namespace": metadata["namespace"],
                    "labels": labels,
                    "annotations": annotations,
                    "ownerReferences": [reference(deployment)],
                },
                "spec": {
                    "replicas": rollout.new_size(deployment, old, None),
                    "selector": {**selector, "matchLabels": matched},
                    "template": {
                        **template,
                        "metadata": {**template["metadata"], "labels": labels},
                    },
                },
            },
        )
        self._announce(deployment, created, 0)
        text = f'Created new replica set "{name}"'
        self._note(deployment, number, "NewReplicaSetCreated", text)

    def _number(
        self, deployment: Object, old: list[Object], new: Object
    ) -> tuple[Object, Object]:
        """Give the current ReplicaSet the highest revision; a rollback brings it back."""
        highest = max((rollout.revision(item) for item in old), default=0)
        number = rollout.revision(new)
        if number <= highest:
            changes = {rollout.REVISION: str(highest + 1)}
            past = new["metadata"].get("annotations", {}).get(rollout.HISTORY, "")
            changes[rollout.HISTORY] = f"{past},{number}".lstrip(",")
            new, number = self._annotate(new, changes), highest + 1
        if rollout.revision(deployment) != number:
            text = f'Found new replica set "{new["metadata"]["name"]}"'
            deployment = self._note(deployment, number, "FoundNewReplicaSet", text)
        return deployment, new

    def _note(
        self, deployment: Object, number: int, reason: str, message: str
    ) -> Object:
        """Write a revision and the first word on a rollout, as one status update."""
        status = deployment.get("status", {})
        news = rollout.condition("Progressing", "True", reason, message)
        conditions = rollout.with_condition(status.get("conditions", ()), news)
        metadata = dict(deployment["metadata"])
        annotations = {**metadata.get("annotations", {}), rollout.REVISION: str(number)}
        noted = {**deployment, "metadata": {**metadata, "annotations": annotations}}
        return self._context.write_status(noted, {**status, "conditions": conditions})

    def _annotate(self, item: Object, changes: dict[str, str]) -> Object:
        metadata = item["metadata"]
        annotations = {**metadata.get("annotations", {}), **changes}
        return self._context.update(
            {**item, "metadata": {**metadata, "annotations": annotations}}
        )

    def _scale(self, deployment: Object, item: Object, size: int) -> None:
        before = item["spec"]["replicas"]
        metadata = dict(item["metadata"])
        annotations = metadata.get("annotations", {})
        metadata["annotations"] = {**annotations, **rollout.sizes(deployment)}
        scaled = {
            **item,
            "metadata": metadata,
            "spec": {**item["spec"], "replicas": size},
        }
        self._context.update(scaled)
        if size != before:
            self._announce(deployment, scaled, before)

    def _announce(self, deployment: Object, item: Object, before: int) -> None:
        size = item["spec"]["replicas"]
        direction = "up" if size > before else "down"
        since = f" from {before}" if self._context.dialect.modern else ""
        name = item["metadata"]["name"]
        self._context.recorder.record(
            deployment,
            "Normal",
            "ScalingReplicaSet",
            f"Scaled {direction} replica set {name}{since} to {size}",
            component=_COMPONENT,
        )

    def _clean(self, deployment: Object, old: list[Object]) -> None:
        """Forget the oldest empty ReplicaSets beyond the history limit."""
        keep = deployment["spec"].get("revisionHistoryLimit", 10)
        empty = [
            item
            for item in old
            if not item["spec"]["replicas"] and not item["status"].get("replicas")
        ]
        for item in sorted(empty, key=rollout.revision)[: max(0, len(empty) - keep)]:
            self._context.delete(item)

    def _report(self, key: Key) -> float | None:
        deployment = self._context.store.get(self._deployments, *key)
        if deployment is None:
            return None
        sets = self._context.owned(self._sets, deployment)
        new = self._current(deployment, sets)
        modern = self._context.dialect.modern
        status = rollout.status_of(deployment, sets, new, modern=modern)
        name = new["metadata"]["name"] if new else ""
        if deployment["spec"].get("progressDeadlineSeconds") is not None:
            status["conditions"] = rollout.progress(deployment, status, name)
        status["conditions"] = _with_failures(status["conditions"], new)
        self._context.write_status(deployment, status)
        return rollout.stuck_in_s(deployment, status)


def _with_failures(
    conditions: list[rollout.Condition], new: Object | None
) -> list[rollout.Condition]:
    """Pass on that the new ReplicaSet cannot create Pods."""
    kept = [item for item in conditions if item["type"] != "ReplicaFailure"]
    status = new.get("status", {}) if new else {}
    failure = rollout.find(status.get("conditions", ()), "ReplicaFailure")
    if failure is None or not is_true(status, "ReplicaFailure"):
        return kept
    passed = rollout.condition(
        "ReplicaFailure", "True", failure["reason"], failure["message"]
    )
    return rollout.with_condition(conditions, passed)

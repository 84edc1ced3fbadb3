"""Eviction: a delete that asks the PodDisruptionBudgets first."""

from typing import Any

from syncd.loopback.api.wording import is_true
from syncd.loopback.apierror import success, too_many_requests
from syncd.loopback.objects.defaults import share
from syncd.loopback.objects.deletion import Deleter
from syncd.loopback.objects.place import Place
from syncd.loopback.objects.registry import Registry
from syncd.loopback.objects.selectors import selector_match
from syncd.loopback.store import Object


_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."


def evict(
    registry: Registry, deleter: Deleter, place: Place, body: dict[str, Any]
) -> dict[str, Any]:
    """Delete a Pod unless a budget forbids it.

    Raises:
        ApiError: 404; 429 if a budget would be broken.
    """
    pod = registry.get(place)
    budgets = registry.catalog.named("poddisruptionbudgets")
    for budget in registry.store.all(budgets, place.namespace):
        if selector_match(budget["spec"].get("selector"))(pod):
            _ask(registry, place, budget, pod)
    deleter.delete(place, body.get("deleteOptions") or {})
    return success(201)


def _ask(registry: Registry, place: Place, budget: Object, pod: Object) -> None:
    chosen = selector_match(budget["spec"]["selector"])
    pods = [p for p in registry.store.all(place.resource, place.namespace) if chosen(p)]
    healthy = sum(1 for p in pods if is_true(p["status"], "Ready"))
    spec = budget["spec"]
    if "maxUnavailable" in spec:
        may_go = share(spec["maxUnavailable"], len(pods), round_up=True)
        needed = len(pods) - may_go
    else:
        needed = share(spec.get("minAvailable", 0), len(pods), round_up=True)
    if is_true(pod["status"], "Ready") and healthy - 1 < needed:
        name = budget["metadata"]["name"]
        why = (
            f"The disruption budget {name} needs {needed} healthy pods and has {healthy} "
            "currently"
        )
        raise too_many_requests(_REFUSED, cause=("DisruptionBudget", why))

"""What containers ask for and are allowed: quantities and classes (pure)."""

from collections.abc import Mapping
from typing import Any


_FACTORS = {
    "": 1.0,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}


def as_bytes(quantity: str) -> int:
    """Return a number of bytes.

    Raises:
        ValueError: If this is no quantity.
    """
    number = quantity.rstrip("KMGTikm")
    return int(float(number) * _FACTORS[quantity[len(number) :]])


def shown(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what 1.36 shows of them; a limit stands for its request."""
    limits = asked.get("limits") or {}
    requests = limits | (asked.get("requests") or {})
    requests = {key: value for key, value in requests.items() if value != "0"}
    if not requests and not limits:
        return {"resources": {}}
    both = {"limits": dict(limits), "requests": requests}
    return {
        "allocatedResources": dict(requests),
        "resources": {key: value for key, value in both.items() if value},
    }


def of_pod(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the Pod's own: its container's if there is one, and no sum of several."""
    containers = pod["spec"]["containers"]
    return (containers[0].get("resources") or {}) if len(containers) == 1 else {}


def qos_class(pod: Mapping[str, Any]) -> str:
    """Return the quality-of-service class that a Pod's resources put it in."""
    every = [c.get("resources") or {} for c in pod["spec"]["containers"]]
    if not any(r.get("limits") or r.get("requests") for r in every):
        return "BestEffort"
    for resources in every:
        limits = resources.get("limits") or {}
        if {"cpu", "memory"} - limits.keys():
            return "Burstable"
        if (resources.get("requests") or limits) != limits:
            return "Burstable"
    return "Guaranteed"

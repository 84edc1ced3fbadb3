"""How kubectl words a time and the state of a Pod."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from syncd.loopback.store import Object


# Below a limit in seconds: the unit, and the smaller unit that is shown beside it.
_SCALE = (
    (120, (1, "s"), None),
    (600, (60, "m"), (1, "s")),
    (3 * 3600, (60, "m"), None),
    (8 * 3600, (3600, "h"), (60, "m")),
    (48 * 3600, (3600, "h"), None),
    (8 * 86400, (86400, "d"), (3600, "h")),
)


def age(timestamp: str | None) -> str:
    """How long ago, as kubectl says it: `7s`, `3m5s`, `2d4h`."""
    if not timestamp:
        return "<unknown>"
    then = datetime.fromisoformat(timestamp)
    seconds = max(0, int((datetime.now(UTC) - then).total_seconds()))
    for limit, (size, unit), smaller in _SCALE:
        if seconds < limit:
            rest = seconds % size // smaller[0] if smaller else 0
            tail = f"{rest}{smaller[1]}" if smaller and rest else ""
            return f"{seconds // size}{unit}{tail}"
    return f"{seconds // 86400}d"


def pod_status(pod: Object) -> str:
    """The STATUS column: the phase, or what keeps the Pod from it."""
    status = pod["status"]
    reason = status.get("reason") or status.get("phase", "Unknown")
    statuses = status.get("containerStatuses", ())
    running = False
    for container in reversed(statuses):
        state = container.get("state", {})
        waiting, ended = state.get("waiting", {}), state.get("terminated", {})
        if waiting.get("reason"):
            reason = waiting["reason"]
        elif ended.get("reason"):
            reason = ended["reason"]
        elif ended:
            code = ended.get("exitCode", 0)
            reason = (
                f"Signal:{ended['signal']}"
                if ended.get("signal")
                else f"ExitCode:{code}"
            )
        elif container.get("ready") and "running" in state:
            running = True
    if reason == "Completed" and running:
        reason = "Running" if is_true(status, "Ready") else "NotReady"
    finished = status.get("phase") in {"Succeeded", "Failed"}
    if pod["metadata"].get("deletionTimestamp") and not finished:
        return "Terminating"
    return str(reason)


def is_true(status: Mapping[str, Any], condition: str) -> bool:
    """Whether a condition of that type holds."""
    return any(
        item["type"] == condition and item["status"] == "True"
        for item in status.get("conditions", ())
    )

"""Why a Pod's container is not running, in words that a person can act on."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any


Object = Mapping[str, Any]


def leaving(pod: Object) -> str | None:
    """Return since when the Pod is being deleted; None if it is not."""
    metadata = pod["metadata"]
    # The timestamp says when the Pod is to be gone at the latest.
    deadline = metadata.get("deletionTimestamp")
    if not deadline:
        return None
    grace = metadata.get("deletionGracePeriodSeconds") or 0
    try:
        since = datetime.fromisoformat(deadline) - timedelta(seconds=grace)
    except (ValueError, OverflowError):
        return "is terminating"
    return f"is terminating since {since:%H:%M:%S} UTC"


def over(pod: Object) -> str | None:
    """Return how the Pod came to its end; None if it has not."""
    status = pod.get("status") or {}
    phase = status.get("phase")
    if phase == "Succeeded":
        return "has completed"
    if phase == "Failed":
        return f"has failed{_because(status.get('reason'), status.get('message'))}"
    return None


def container_status(pod: Object, name: str) -> Object:
    """Return the status of a container or native sidecar, or {} before it has one."""
    return next((s for s in _statuses(pod) if s.get("name") == name), {})


def _statuses(pod: Object) -> Iterator[Object]:
    status = pod.get("status") or {}
    yield from status.get("containerStatuses") or ()
    yield from status.get("initContainerStatuses") or ()


def returns(pod: Object, status: Object) -> bool:
    """Tell whether a container that does not run did so, and will be started again."""
    state = status.get("state") or {}
    waits = (state.get("waiting") or {}).get("reason") == "CrashLoopBackOff"
    stays_so = pod["spec"].get("restartPolicy") == "Never"
    return (waits or "terminated" in state) and not stays_so


def not_running(pod: Object, name: str) -> str:
    """Return why the container `name` of a Pod that should run does not run."""
    status = container_status(pod, name)
    state = status.get("state") or {}
    if ended := state.get("terminated"):
        return f"container {name} ended: {_ending(ended)}"
    waiting = state.get("waiting") or {}
    match waiting.get("reason"):
        case "ErrImagePull" | "ImagePullBackOff" | "InvalidImageName":
            return _pull(status, waiting)
        case "CrashLoopBackOff":
            return _crash_loop(name, status)
        case None | "" | "ContainerCreating" | "PodInitializing":
            return _unscheduled(pod) or _initializing(pod) or f"is creating {name}"
        case reason:
            message = waiting.get("message")
            return f"container {name} is waiting{_because(reason, message)}"


def _because(*parts: object) -> str:
    said = ": ".join(" ".join(str(part).split()) for part in parts if part)
    return f": {said[:500]}" if said else ""


def _ending(ended: Object) -> str:
    code, reason = ended.get("exitCode"), ended.get("reason")
    signal = f", signal {ended['signal']}" if ended.get("signal") else ""
    return f"{reason or 'ended'}, exit code {code}{signal}"


def _pull(status: Object, waiting: Object) -> str:
    image = status.get("image") or ""
    # Kubernetes goes to and fro between trying and backing off. One reason for both
    # keeps the view, and whoever reads it, calm.
    message = str(waiting.get("message") or "")
    for preface in (f'Back-off pulling image "{image}"', ": ErrImagePull"):
        message = message.removeprefix(preface)
    return f"cannot pull image {image}{_because(message.strip(': '))}"


def _crash_loop(name: str, status: Object) -> str:
    last = (status.get("lastState") or {}).get("terminated") or {}
    times = status.get("restartCount") or 0
    because = f" (last: {_ending(last)})" if last else ""
    return f"container {name} is crash-looping, {times} restarts{because}"


def _unscheduled(pod: Object) -> str | None:
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if (
            condition.get("type") == "PodScheduled"
            and condition.get("status") != "True"
        ):
            return f"is not scheduled{_because(condition.get('message'))}"
    return None if pod["spec"].get("nodeName") else "is not scheduled yet"


def _initializing(pod: Object) -> str | None:
    """Return which init container the Pod is at; None if they are done."""
    for status in (pod.get("status") or {}).get("initContainerStatuses") or ():
        state = status.get("state") or {}
        if (ended := state.get("terminated")) and ended.get("exitCode") == 0:
            continue
        if "running" in state and status.get("started"):
            continue  # a native sidecar, up
        if waiting := state.get("waiting"):
            if waiting.get("reason") in {"ErrImagePull", "ImagePullBackOff"}:
                return _pull(status, waiting)
            if waiting.get("reason") == "CrashLoopBackOff":
                return _crash_loop(status["name"], status)
        if ended:
            return f"init container {status['name']} ended: {_ending(ended)}"
        return f"init container {status['name']} has not ended yet"
    return None

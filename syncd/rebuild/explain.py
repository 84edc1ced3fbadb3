"""What the cluster says of a trouble elsewhere: events, last words, measurements.

Whatever the account may not see is left out: it is explained with what there is.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from syncd.cluster import Api, Replica, TargetSpec, follow_log
from syncd.errors import Halted, SyncdError
from syncd.rebuild.failure import CannotRollOut
from syncd.rebuild.sentence import Facts, sentence
from syncd.rebuild.trouble import Trouble


Object = Mapping[str, Any]
_LAST_LINES = 20
_WITH_LOG = frozenset({"crash", "oom", "unready"})


async def explain(
    api: Api, spec: TargetSpec, trouble: Trouble, waited_s: float
) -> CannotRollOut:
    """Return the error that tells of a trouble all that the cluster knows.

    Args:
        api: The cluster.
        spec: The workload.
        trouble: What is in the way.
        waited_s: How long it was waited for.
    """
    with_log = trouble.kind in _WITH_LOG
    facts = Facts(
        events=await _events(api, spec.namespace, trouble.name or spec.name),
        log=await _log(api, trouble) if with_log else (),
        used=await _used(api, trouble) if trouble.kind == "oom" else "",
        waited_s=waited_s,
    )
    return sentence(trouble, facts)


async def _told(api: Api, path: str, **params: object) -> dict[str, Any]:
    try:
        return await api.get(path, **params)
    except Halted:
        raise
    except SyncdError:
        return {}


async def _events(api: Api, namespace: str, about: str) -> tuple[str, ...]:
    path = f"/api/v1/namespaces/{namespace}/events"
    told = await _told(api, path, fieldSelector=f"involvedObject.name={about}")
    in_order = sorted(told.get("items") or (), key=_time)
    return tuple(str(event.get("message") or "") for event in in_order)


def _time(event: Object) -> str:
    times = (event.get("lastTimestamp"), event.get("eventTime"))
    made = event["metadata"].get("creationTimestamp")
    return next((str(time) for time in (*times, made) if time), "")


async def _log(api: Api, trouble: Trouble) -> tuple[str, ...]:
    # A container that was started again said its last words in its life before.
    for previous in (False,) if trouble.kind == "unready" else (True, False):
        lines = [line async for line in _lines(api, trouble, previous=previous)]
        if lines:
            return tuple(lines)
    return ()


async def _lines(api: Api, trouble: Trouble, *, previous: bool) -> AsyncIterator[str]:
    log = follow_log(
        api, _replica(trouble), tail=_LAST_LINES, follow=False, previous=previous
    )
    try:
        async with aclosing(log) as lines:
            async for line in lines:
                yield line.text.decode("utf-8", "backslashreplace")
    except Halted:
        raise
    except SyncdError:
        return


def _replica(trouble: Trouble) -> Replica:
    metadata = trouble.pod["metadata"]
    return Replica(
        namespace=metadata["namespace"],
        pod=trouble.name,
        uid=metadata["uid"],
        container=trouble.container,
        container_id=trouble.status.get("containerID") or "",
        image=trouble.settings.get("image") or "",
        ready=False,
        restarts=int(trouble.status.get("restartCount") or 0),
        node=trouble.pod["spec"].get("nodeName") or "",
    )


async def _used(api: Api, trouble: Trouble) -> str:
    """Return what the container used of its memory, where somebody measures that."""
    namespace = trouble.pod["metadata"]["namespace"]
    path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{namespace}/pods/{trouble.name}"
    for container in (await _told(api, path)).get("containers") or ():
        if container.get("name") == trouble.container:
            return str((container.get("usage") or {}).get("memory") or "")
    return ""

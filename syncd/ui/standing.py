"""What `syncd status` says of a running syncd."""

import datetime as dt
from collections.abc import Iterator

from syncd.control import BatchStatus, ReplicaStatus, Status, TargetStatus
from syncd.ui.batches import changed, reached, steps
from syncd.ui.text import count, safe, took


def standing(status: Status, *, why: bool = False) -> Iterator[str]:
    """Yield the lines that a person reads.

    Args:
        status: How things stand.
        why: Give the reason for every Pod that is left out.
    """
    since = f"process {status.pid}, since {_day(status.since)}"
    yield f"{safe(status.project)}: syncd {safe(status.version)}, {since}"
    if status.phase == "connecting":
        yield "connecting to the cluster, or reading the folders"
        return
    yield f"{safe(status.context)} at {safe(status.server)}"
    yield from map(safe, status.away)
    for target in status.targets:
        yield ""
        yield from _target(target, why=why)


def _target(target: TargetStatus, *, why: bool) -> Iterator[str]:
    yield f"{safe(target.target)} in namespace {safe(target.namespace)}"
    if target.note:
        yield f"  {safe(target.note)}"
    if not target.replicas:
        yield "  no container to sync to"
    width = max((len(_name(replica)) for replica in target.replicas), default=0)
    for replica in target.replicas:
        yield from _replica(replica, width)
        if why:
            yield f"    synced, for it is a Pod of {safe(target.target)} and {_life(replica)}"
    if target.skipped and not why:
        left_out = count(len(target.skipped), "Pod")
        yield f"  {left_out} left out; syncd status --why tells why"
    for skipped in target.skipped if why else ():
        yield f"  {safe(skipped.pod)} left out: {safe(skipped.reason)}"
    if target.drift:
        yield f"  drifted from the image: {safe(target.drift)}"
    if target.rebuild:
        yield f"  rebuild: {safe(target.rebuild)}"
    yield f"  {_batch(target.batch)}"


def _name(replica: ReplicaStatus) -> str:
    return safe(f"{replica.pod}/{replica.container}")


def _replica(replica: ReplicaStatus, width: int) -> Iterator[str]:
    ready = "ready" if replica.ready else "not ready"
    facts = [replica.state.ljust(12), ready, safe(replica.image)]
    if replica.restarts:
        facts.append(count(replica.restarts, "restart"))
    if replica.failing:
        facts.append(f"{count(replica.failing, 'path')} not equal")
    yield f"  {_name(replica).ljust(width)}  {'  '.join(facts)}"
    if replica.drift:
        commands = "; ".join(map(safe, replica.drift))
        yield f"    drifted from its image: {commands}"
    if replica.reason:
        yield f"    {safe(replica.reason)}"
    if replica.hint:
        yield f"    hint: {safe(replica.hint)}"


def _life(replica: ReplicaStatus) -> str:
    return "will be started again" if replica.state == "restarting" else "runs"


def _batch(batch: BatchStatus | None) -> str:
    if batch is None:
        return "no batch yet"
    return (
        f"last batch {batch.batch}, {_day(batch.at)}: {changed(batch)} →"
        f" {reached(batch)}   {steps(batch)}   {took(batch.total_ms)}"
    )


def _day(time: str) -> str:
    return f"{dt.datetime.fromisoformat(time).astimezone():%Y-%m-%d %H:%M:%S}"

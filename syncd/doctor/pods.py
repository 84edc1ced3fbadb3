"""Are there containers to sync to, and what is in them?"""

from collections.abc import Sequence

import anyio

from syncd.cluster import Api, Replica, TargetSpec, seek
from syncd.config import Target
from syncd.doctor.finding import Finding, Tell
from syncd.errors import SyncdError
from syncd.plan import Plan
from syncd.session import Patience, Root, dial
from syncd.session.link import Hello


SEEK_S = 5.0  # for a Pod that is just being started
LOOKED_INTO = 3  # replicas of a target that are looked into
DIAL_S = 30.0


async def pods(api: Api, spec: TargetSpec, target: Target, tell: Tell) -> None:
    """Tell which containers a target has, and what is in them."""
    check = f"Pods of {target.title}"
    try:
        view = await seek(api, spec, SEEK_S)
    except SyncdError as error:
        tell(Finding.failed(check, error))
        return
    if not view.replicas:
        tell(Finding.failed(check, view.explain(spec)))
        return
    names = ", ".join(replica.pod for replica in view.replicas)
    tell(Finding(check, "ok", f"{len(view.replicas)} running: {names}"))
    for skip in view.skipped:
        tell(Finding(check, "warning", f"{skip.pod} is left out: {skip.reason}"))
    for replica in view.replicas[:LOOKED_INTO]:
        await _inside(api, replica, target, tell)


async def _inside(api: Api, replica: Replica, target: Target, tell: Tell) -> None:
    check = f"container {replica.container} of {replica.pod}"
    roots = [_root(sync.remote) for sync in target.sync]
    try:
        with anyio.fail_after(DIAL_S):
            async with dial(api, replica, roots, Patience()) as link:
                hello = link.hello
    except SyncdError as error:
        tell(Finding.failed(check, error))
        return
    except TimeoutError:
        said = f"nothing answered within {DIAL_S:.0f} s"
        tell(Finding(check, "failed", said, f"kubectl describe pod {replica.pod}"))
        return
    for found in _heard(check, hello):
        tell(found)


def _heard(check: str, hello: Hello) -> Sequence[Finding]:
    said = f"{hello.via} as {hello.user}, round trip {hello.round_trip_ms:.1f} ms"
    found = [Finding(check, "ok", said)]
    found += [Finding(check, "warning", limit) for limit in hello.limits]
    for root in hello.roots:
        if not root.exists or not root.is_dir:
            what = "is not a folder" if root.exists else "does not exist"
            remedy = (
                "correct `remote` in the sync entry, or make the folder in the image"
                " (or mount a volume there)"
            )
            found.append(Finding(check, "failed", f"{root.path} {what}", remedy))
        elif not root.writable:
            said = f"{root.path} cannot be written by {hello.user}"
            remedy = (
                "make it writable for the container's user in the image (chown), or"
                " mount a writable volume there; files that are writable themselves"
                " are written in place"
            )
            found.append(Finding(check, "warning", said, remedy))
        else:
            found.append(Finding(check, "ok", f"{root.path} is there and writable"))
    return found


def _root(remote: str) -> Root:
    """Return a sync root that nothing is in: it is only looked at."""
    return Root(
        local=b"/",
        remote=remote,
        tree={},
        content=lambda _: None,
        ignored=lambda _, __: True,
        look_again=lambda _: None,
        plan=Plan(()),
    )

"""Run a workload's program under the reloader, or no more, and follow the rollout."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import anyio

from syncd import events
from syncd.cluster import Api, NotFound, Refused, TargetSpec, seek
from syncd.config import Reloader
from syncd.errors import TargetError
from syncd.inject.site import Site
from syncd.inject.verdict import objection
from syncd.rebuild import rollout
from syncd.rebuild.rollout import Replicas
from syncd.reloader import source


Object = Mapping[str, Any]
ROLLOUT_S = 300.0
_SEEK_S = 5.0
_TRIES = 20  # the controllers write to a workload as we do
_PAUSE_S = 0.1
_EXAMPLE = (
    'under [target.reloader], as in command = ["uvicorn", "main:app", "--port", "8080"]'
)
_SHELLS = ("sh", "bash", "dash", "ash", "zsh")
_INITS = ("tini", "dumb-init", "catatonit")


class Anybody:
    """Replicas that nobody keeps in step, so that none is waited for."""

    def level(self, pods: Collection[str]) -> Collection[str]:
        """See `Replicas.level`."""
        return pods

    async def changed(self) -> None:
        """See `Replicas.changed`."""
        await anyio.sleep_forever()


async def inject(
    api: Api,
    spec: TargetSpec,
    settings: Reloader,
    roots: Sequence[str],
    replicas: Replicas,
    emit: events.Emit,
) -> None:
    """Have the workload's program run under the reloader, and wait until it does.

    Where it does already, nothing is changed. Where the new Pods do not come up, or the
    reloader cannot take the program over, all is taken back.

    Args:
        api: The cluster.
        spec: The workload.
        settings: What is to run, and how.
        roots: The folders in the container that hold the developer's code.
        replicas: Who knows which Pods are in step.
        emit: Where events go.

    Raises:
        TargetError: If it cannot be done.
        TransportError: If the API server does not answer.
    """
    started_s = anyio.current_time()
    site = await _look(api, spec)
    program = settings.command or site.command
    _check(site, program)
    options = list(_options(settings, roots))
    start = site.start(settings.command, options, _config_map_name(spec))
    if site.is_as(start):
        return
    await api.apply(
        f"{_config_maps(spec)}/{start.config_map}",
        _config_map(start.config_map, site),
        force=True,
        fieldManager=site.manager,
    )
    await api.apply(
        site.workload.path, site.body(start), force=True, fieldManager=site.manager
    )
    try:
        pods = await _follow(api, site, replicas, emit)
        await _ensure_it_runs(api, site, pods)
    except TargetError:
        await _take_back(api, spec)
        raise
    emit(
        events.ReloaderInjected(
            target=str(spec),
            container=site.workload.container,
            command=tuple(program),
            took_ms=(anyio.current_time() - started_s) * 1000,
        )
    )


def _options(settings: Reloader, roots: Sequence[str]) -> Iterator[str]:
    for name, values in (
        ("--root", roots),
        ("--warm", settings.warm),
        ("--cold", settings.cold),
    ):
        for value in values:
            yield from (name, value)
    if settings.drain_s is not None:
        yield from ("--drain-s", f"{settings.drain_s:g}")


async def restore(api: Api, spec: TargetSpec, emit: events.Emit) -> bool:
    """Make the workload what it was before `inject`, and wait until its Pods are.

    Returns:
        Whether there was anything to take back.

    Raises:
        TargetError: If the workload is not there, or its Pods do not come up.
        TransportError: If the API server does not answer.
    """
    started_s = anyio.current_time()
    site = await _take_back(api, spec)
    if site is None:
        return False
    await _follow(api, site, Anybody(), emit)
    emit(
        events.ReloaderRestored(
            target=str(spec),
            container=site.workload.container,
            took_ms=(anyio.current_time() - started_s) * 1000,
        )
    )
    return True


async def _look(api: Api, spec: TargetSpec) -> Site:
    if spec.kind not in ("deployment", "statefulset"):
        raise TargetError(
            f"{spec} has no template to put the reloader into",
            hint="inject needs workload = deployment/NAME or statefulset/NAME",
        )
    path = f"/apis/apps/v1/namespaces/{spec.namespace}/{spec.kind}s/{spec.name}"
    return Site.of(spec, await api.get(path))


def _check(site: Site, command: Sequence[str]) -> None:
    """Refuse what would not run under the reloader.

    Raises:
        TargetError: With what to set.
    """
    container, spec = site.workload.container, site.workload.spec
    if not command:
        raise TargetError(
            f"container {container} of {spec} starts by its image's own command, which"
            " its spec does not tell",
            hint=f"say it {_EXAMPLE}",
        )
    name = command[0].rpartition("/")[2]
    what = "a shell" if name in _SHELLS or name.endswith(".sh") else name
    if what == "a shell" or name in _INITS:
        raise TargetError(
            f"container {container} of {spec} starts with {what}, which the reloader"
            " cannot take over",
            hint=f"say what that runs {_EXAMPLE}",
        )


async def _ensure_it_runs(api: Api, site: Site, pods: Sequence[str]) -> None:
    """Refuse what the reloader cannot take over, or start.

    Raises:
        TargetError: With what the reloader says.
    """
    container, spec = site.workload.container, site.workload.spec
    there = (await seek(api, spec, _SEEK_S)).replicas
    for replica in [each for each in there if each.pod in pods][:1]:  # as are all
        said = await objection(api, replica)
        if said:
            raise TargetError(
                f"the reloader cannot run container {container} of {spec}: {said}",
                hint=f"say what it runs in the end {_EXAMPLE}",
            )


async def _follow(
    api: Api, site: Site, replicas: Replicas, emit: events.Emit
) -> Sequence[str]:
    """Follow the rollout to its end; return the new Pods."""

    def told(event: events.Event) -> None:
        if not isinstance(event, events.RebuildPods):  # it is the same image
            emit(event)

    workload = site.workload
    rolled = await rollout.follow(
        api, workload, workload.image, replicas, told, timeout_s=ROLLOUT_S
    )
    return rolled.pods


async def _take_back(api: Api, spec: TargetSpec) -> Site | None:
    """Make the workload what it was; return what it was before that, if injected."""
    found = None
    for _ in range(_TRIES):
        site = await _look(api, spec)
        if site.key not in (site.document["metadata"].get("annotations") or {}):
            return found
        try:
            changed = await _replace(api, site, site.restored())
            managed = site.owned_as_before(changed["metadata"]["managedFields"])
            found = site
            await _disown(api, site, changed, managed)
        except Refused as error:
            if error.status != 409:
                raise
            await anyio.sleep(_PAUSE_S)
            continue
        await _forget(api, spec, site.config_map)
        return site
    raise TargetError(
        f"{spec} is changed all the time by somebody else",
        hint="try again when its rollout has ended",
    )


async def _replace(api: Api, site: Site, wanted: Object) -> dict[str, Any]:
    """Make the object `wanted`, unless it is no more as we saw it."""
    patch = [
        {"op": "replace", "path": f"/{part}", "value": wanted[part]}
        for part in ("metadata", "spec")
    ]
    return await api.patch(
        site.workload.path, patch, kind="json", fieldManager=site.manager
    )


async def _disown(api: Api, site: Site, changed: Object, managed: list[Object]) -> None:
    """Give the command back to who managed it."""
    version = changed["metadata"]["resourceVersion"]
    for _ in range(_TRIES):
        patch = [
            {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            {"op": "replace", "path": "/metadata/managedFields", "value": managed},
        ]
        try:
            await api.patch(site.workload.path, patch, kind="json")
        except Refused as error:
            if error.status != 409:
                raise
            now = (await api.get(site.workload.path))["metadata"]
            version = now["resourceVersion"]
            managed = site.owned_as_before(now["managedFields"])
        else:
            return


async def _forget(api: Api, spec: TargetSpec, name: str) -> None:
    try:
        await api.delete(f"{_config_maps(spec)}/{name}")
    except NotFound:
        return


def _config_maps(spec: TargetSpec) -> str:
    return f"/api/v1/namespaces/{spec.namespace}/configmaps"


def _config_map_name(spec: TargetSpec) -> str:
    """Return a name that another reloader would not have: Pods keep the one they know."""
    digest = hashlib.sha256(f"{spec}\0{spec.container}\0{source()}".encode())
    return f"syncd-reloader-{digest.hexdigest()[:12]}"


def _config_map(name: str, site: Site) -> Object:
    labels = {"app.kubernetes.io/managed-by": "syncd"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": name,
            "labels": labels,
            "ownerReferences": [site.owner()],
        },
        "data": {"reloader.py": source()},
    }

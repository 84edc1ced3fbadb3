"""Run a workload's program under the reloader, or no more, and follow the rollout."""

import hashlib
from collections.abc import Collection, Mapping
from typing import Any

import anyio

from syncd import events
from syncd.cluster import Api, NotFound, Refused, TargetSpec
from syncd.config import Reloader
from syncd.errors import TargetError
from syncd.inject.site import Site
from syncd.rebuild import rollout
from syncd.rebuild.failure import CannotRollOut
from syncd.rebuild.rollout import Replicas
from syncd.reloader import source


Object = Mapping[str, Any]
ROLLOUT_S = 300.0
_TRIES = 20  # the controllers write to a workload as we do
_PAUSE_S = 0.1
_SHELLS = ("sh", "bash", "dash", "ash", "zsh")


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
    replicas: Replicas,
    emit: events.Emit,
) -> None:
    """Have the workload's program run under the reloader, and wait until it does.

    Where it does already, nothing is changed. Where the new Pods do not come up, all is
    taken back.

    Raises:
        TargetError: If it cannot be done, or the new Pods do not come up.
        TransportError: If the API server does not answer.
    """
    started_s = anyio.current_time()
    site = await _look(api, spec)
    command = settings.command or site.command
    _check(site, command)
    name = _config_map_name(spec)
    if site.is_as(command, name):
        return
    await api.apply(
        f"{_config_maps(spec)}/{name}",
        _config_map(name, site),
        force=True,
        fieldManager=site.manager,
    )
    await api.apply(
        site.workload.path,
        site.body(command, name),
        force=True,
        fieldManager=site.manager,
    )
    try:
        await _follow(api, site, replicas, emit)
    except CannotRollOut:
        await _take_back(api, spec)
        raise
    emit(
        events.ReloaderInjected(
            target=str(spec),
            container=site.workload.container,
            command=tuple(command),
            took_ms=(anyio.current_time() - started_s) * 1000,
        )
    )


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


def _check(site: Site, command: tuple[str, ...]) -> None:
    """Refuse what would not run under the reloader.

    Raises:
        TargetError: With what to set.
    """
    container = site.workload.container
    example = 'command = ["uvicorn", "main:app", "--port", "8080"]'
    if not command:
        raise TargetError(
            f"container {container} of {site.workload.spec} starts by its image's own"
            " command, which its spec does not tell",
            hint=f"say it under [target.reloader], as in {example}",
        )
    if command[0].rpartition("/")[2] in _SHELLS:
        raise TargetError(
            f"container {container} of {site.workload.spec} starts with a shell, which"
            " the reloader cannot take over",
            hint=f"say what the shell runs under [target.reloader], as in {example}",
        )


async def _follow(api: Api, site: Site, replicas: Replicas, emit: events.Emit) -> None:
    def told(event: events.Event) -> None:
        if not isinstance(event, events.RebuildPods):  # it is the same image
            emit(event)

    workload = site.workload
    await rollout.follow(
        api, workload, workload.image, replicas, told, timeout_s=ROLLOUT_S
    )


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

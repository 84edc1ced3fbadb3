"""A first settings file, from what the project and the cluster look like."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyio import to_thread

from syncd.cluster import Api, TargetSpec
from syncd.cluster.containers import choose_container
from syncd.doctor.places import Place, find_dockerfile, places
from syncd.errors import SyncdError, TargetError


Object = Mapping[str, Any]
_KINDS = ("deployment", "statefulset")


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that was chosen, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A settings file that is not written yet.

    Attributes:
        text: What would stand in it.
        choices: How that came to be.
    """

    text: str
    choices: tuple[Choice, ...]


async def propose(
    api: Api,
    project: Path,
    *,
    wanted: str | None,
    namespace: str | None,
    container: str | None = None,
    allow_contexts: Sequence[str] = (),
) -> Draft:
    """Return a settings file for a project.

    Args:
        api: The cluster.
        project: Its folder.
        wanted: The workload, as a person names it; else the one that fits.
        namespace: Where it is; else the context's.
        container: Which of its containers; else the one that is no sidecar.
        allow_contexts: What the file must allow.

    Raises:
        TargetError: If there is no workload, or no telling which one is meant.
        SyncdError: If the cluster cannot be asked.
    """
    space = namespace or api.namespace
    workload, why = await _workload(api, space, project.name, wanted)
    pod = {**workload["spec"]["template"], "spec": _pod(workload)}
    pod.setdefault("metadata", {})
    name = choose_container(pod, container)
    several = len(_pod(workload)["containers"]) > 1
    found = next(c for c in _pod(workload)["containers"] if c["name"] == name)
    synced = await to_thread.run_sync(places, project, found.get("workingDir") or "")
    dockerfile = await to_thread.run_sync(find_dockerfile, project)
    title = f"{workload['kind'].lower()}/{workload['metadata']['name']}"
    choices = [
        Choice(f"workload {title} in namespace {space}", why),
        *(Choice(f"sync {p.local} → {p.remote}", p.why) for p in synced),
    ]
    if several:
        why = "you named it" if container else "the others are sidecars"
        choices.append(Choice(f"container {name}", why))
    if dockerfile:
        why = "a changed dependency then costs one build, and a comment costs none"
        choices.append(Choice(f"rebuild from {dockerfile}", why))
    text = _text(
        title, space, name if several else "", synced, dockerfile, allow_contexts
    )
    return Draft(text, tuple(choices))


async def _workload(
    api: Api, namespace: str, project: str, wanted: str | None
) -> tuple[Object, str]:
    """Return the workload, and why it is this one."""
    if wanted is not None:
        spec = TargetSpec.parse(wanted, namespace)
        if spec.kind not in _KINDS:
            raise TargetError(
                f"{wanted} is no Deployment or StatefulSet",
                hint="write the [[target]] for it by hand; docs/configuration.md",
            )
        path = f"/apis/apps/v1/namespaces/{namespace}/{spec.kind}s/{spec.name}"
        return {"kind": spec.kind, **await api.get(path)}, "you named it"
    found = [w for kind in _KINDS for w in await _listed(api, namespace, kind)]
    named = [w for w in found if w["metadata"]["name"] == project]
    built = [w for w in found if project in _image_names(w)]
    if len(named) == 1:
        return named[0], "it has the project folder's name"
    if len(built) == 1:
        return built[0], "its image has the project folder's name"
    if len(found) == 1:
        return found[0], f"there is no other in namespace {namespace}"
    raise _undecided(namespace, found)


async def _listed(api: Api, namespace: str, kind: str) -> list[dict[str, Any]]:
    answer = await api.get(f"/apis/apps/v1/namespaces/{namespace}/{kind}s")
    return [{**item, "kind": kind} for item in answer.get("items") or ()]


def _undecided(namespace: str, found: Sequence[Object]) -> SyncdError:
    if not found:
        return TargetError(
            f'there is no Deployment or StatefulSet in namespace "{namespace}"',
            hint="name another namespace with -n, or deploy the program first",
        )
    names = [f"{w['kind']}/{w['metadata']['name']}" for w in found]
    return TargetError(
        f'namespace "{namespace}" has {len(found)} workloads: {", ".join(names)}',
        hint=f"name the one that runs this project: syncd init {names[0]}",
    )


def _pod(workload: Object) -> Object:
    spec: Object = workload["spec"]["template"]["spec"]
    return spec


def _image_names(workload: Object) -> set[str]:
    images = (c.get("image") or "" for c in _pod(workload)["containers"])
    return {image.rpartition("/")[2].partition(":")[0] for image in images}


def _text(  # the lines of a file, one after the other
    title: str,
    namespace: str,
    container: str,
    synced: Sequence[Place],
    dockerfile: str,
    allowed: Sequence[str],
) -> str:
    lines = ["# Written by `syncd init`; `syncd schema` tells what else there is."]
    if allowed:
        lines += [f"allow_contexts = {json.dumps([*allowed])}"]
    lines += ["", "[[target]]", f"workload  = {json.dumps(title)}"]
    lines += [f"namespace = {json.dumps(namespace)}"]
    lines += [f"container = {json.dumps(container)}"] if container else []
    entries = [
        f"  {{ local = {json.dumps(p.local)}, remote = {json.dumps(p.remote)} }},"
        for p in synced
    ]
    lines += ["sync = [", *entries, "]"]
    if dockerfile:
        lines += ["", "[target.rebuild]", f"dockerfile = {json.dumps(dockerfile)}"]
    return "\n".join(lines) + "\n"

"""Which of a Pod's containers is the one to sync. Pure."""

from collections.abc import Mapping
from typing import Any

from syncd.errors import TargetError


Object = Mapping[str, Any]

# Injected beside the program by meshes and agents, never what a person edits.
_SIDECARS = frozenset(
    {
        "cloud-sql-proxy",
        "consul-dataplane",
        "daprd",
        "envoy-sidecar",
        "istio-proxy",
        "jaeger-agent",
        "kuma-sidecar",
        "linkerd-proxy",
        "otc-container",
        "vault-agent",
    }
)
_DEFAULT = "kubectl.kubernetes.io/default-container"


def choose_container(pod: Object, wanted: str | None) -> str:
    """Return the name of the container to sync.

    That is the one named; else the only one; else the one that the Pod's annotation
    names as its default; else the only one that is not a well-known sidecar.

    Raises:
        TargetError: If there is no such container, or no telling which one is meant.
    """
    names = [container["name"] for container in pod["spec"].get("containers") or ()]
    if wanted is not None:
        return _named(pod, names, wanted)
    if len(names) == 1:
        return str(names[0])
    annotated = (pod["metadata"].get("annotations") or {}).get(_DEFAULT)
    if annotated in names:
        return str(annotated)
    programs = [name for name in names if name not in _SIDECARS]
    if len(programs) == 1:
        return str(programs[0])
    raise TargetError(
        f"has {len(names)} containers, and the target names none of them:"
        f" {', '.join(names)}",
        hint=f'add container = "{(programs or names)[0]}" to the target',
    )


def _named(pod: Object, names: list[str], wanted: str) -> str:
    if wanted in names:
        return wanted
    inits = pod["spec"].get("initContainers") or ()
    # An init container that is always restarted is a sidecar: it runs beside the rest.
    sidecars = [c["name"] for c in inits if c.get("restartPolicy") == "Always"]
    if wanted in sidecars:
        return wanted
    if wanted in {container["name"] for container in inits}:
        raise TargetError(
            f'"{wanted}" is an init container, which ends before the rest'
        )
    ephemeral = pod["spec"].get("ephemeralContainers") or ()
    if wanted in {container["name"] for container in ephemeral}:
        raise TargetError(f'"{wanted}" is an ephemeral container, for debugging only')
    raise TargetError(
        f'has no container "{wanted}"; it has: {", ".join([*names, *sidecars])}',
        hint=f'set container = "{names[0]}" in the target' if names else "",
    )

"""Which images the nodes have."""

from typing import Any

from syncd.cluster import Api
from syncd.errors import Halted, SyncdError
from syncd.rebuild.reference import Reference


async def have(api: Api, image: str) -> bool | None:
    """Return whether every node that takes Pods has an image; None if nobody tells.

    Nodes tell of their fifty largest images only, and some time after they got them: so
    a no is no proof.
    """
    try:
        listed = await api.get("/api/v1/nodes")
    except Halted:
        raise
    except SyncdError:
        return None  # most accounts may not look at nodes
    nodes = [node for node in listed.get("items") or () if _takes_pods(node)]
    return bool(nodes) and all(full_name(image) in _images(node) for node in nodes)


def full_name(image: str) -> str:
    """Return an image's name as nodes write it: with its registry and its tag."""
    name = Reference.parse(image)
    path = name.path if name.host or "/" in name.path else f"library/{name.path}"
    manifest = f"@{name.digest}" if name.digest else f":{name.tag or 'latest'}"
    return f"{name.host or 'docker.io'}/{path}{manifest}"


def _images(node: dict[str, Any]) -> set[str]:
    images = (node.get("status") or {}).get("images") or ()
    return {full_name(name) for image in images for name in image.get("names") or ()}


def _takes_pods(node: dict[str, Any]) -> bool:
    spec = node.get("spec") or {}
    taints = {taint.get("effect") for taint in spec.get("taints") or ()}
    return not spec.get("unschedulable") and not taints & {"NoSchedule", "NoExecute"}

"""The volumes of a Pod, as folders of the node. Blocking."""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from syncd.loopback.kubelet.environment import Lookup, Unfit, contents
from syncd.loopback.kubelet.resources import as_bytes
from syncd.loopback.kubelet.rooms import Mount


_CREDENTIALS = "/var/run/secrets/kubernetes.io/serviceaccount"


def prepare(
    pod: Mapping[str, Any], folder: Path, claims: Path, lookup: Lookup
) -> dict[str, Path]:
    """Make the folders of a Pod's volumes; return them by name.

    Args:
        pod: The object.
        folder: The Pod's own, for volumes that go with it.
        claims: Where volumes that outlive Pods are kept.
        lookup: Finds ConfigMaps and Secrets.

    Raises:
        Unfit: If one that must be there is not.
    """
    folders: dict[str, Path] = {}
    namespace = pod["metadata"]["namespace"]
    for volume in pod["spec"].get("volumes", ()):
        place = folder / volume["name"]
        if claim := volume.get("persistentVolumeClaim"):
            place = claims / namespace / claim["claimName"]
        elif "configMap" in volume:
            reference = volume["configMap"]
            found = lookup("configmaps", namespace, reference["name"])
            _write(place, "configmap", reference["name"], reference, found)
        elif "secret" in volume:
            reference = volume["secret"]
            found = lookup("secrets", namespace, reference["secretName"])
            _write(place, "secret", reference["secretName"], reference, found)
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o777)
        folders[volume["name"]] = place
    return folders


def _write(
    place: Path,
    kind: str,
    name: str,
    reference: Mapping[str, Any],
    found: Mapping[str, Any] | None,
) -> None:
    if found is None and not reference.get("optional"):
        raise Unfit(f'{kind} "{name}" not found')
    entries = contents(found)
    chosen = reference.get("items") or [{"key": key, "path": key} for key in entries]
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    for item in chosen:
        if item["key"] not in entries:
            raise Unfit(f"references non-existent config key: {item['key']}")
        path = place / item["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(entries[item["key"]])
        path.chmod(item.get("mode", reference.get("defaultMode", 0o644)))


def mounts(
    pod: Mapping[str, Any], container: Mapping[str, Any], folders: Mapping[str, Path]
) -> Iterator[Mount]:
    """Yield what of its Pod's volumes a container sees, and where.

    An emptyDir in memory with a size limit is a file system of its own, so that it can
    be full; each container then has its own.
    """
    sources = {volume["name"]: volume for volume in pod["spec"].get("volumes", ())}
    for entry in container.get("volumeMounts", ()):
        target = entry["mountPath"].rstrip("/")
        if target == _CREDENTIALS:
            continue  # nothing in here is asked to call the API
        empty = sources.get(entry["name"], {}).get("emptyDir") or {}
        if empty.get("medium") == "Memory" and "sizeLimit" in empty:
            yield Mount(target, size=as_bytes(empty["sizeLimit"]))
            continue
        source = folders[entry["name"]] / entry.get("subPath", "")
        read_only = bool(entry.get("readOnly")) or not _writable(sources, entry["name"])
        yield Mount(target, source, read_only=read_only)


def _writable(sources: Mapping[str, Any], name: str) -> bool:
    return not {"configMap", "secret", "projected"} & sources.get(name, {}).keys()

"""What running under the reloader changes in a workload, and what takes it back. Pure.

The container's command gets the reloader before it, and a volume holds the one file.
What the command was, and who managed it, is written on the workload itself, so that
another syncd, on another machine, can take it back.
"""

import copy
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from syncd.cluster import TargetSpec
from syncd.rebuild.workload import Workload


Object = Mapping[str, Any]
FOLDER = "/opt/syncd-reloader"
VOLUME = "syncd-reloader"
PREFIX = ("python3", f"{FOLDER}/reloader.py", "--stay", "--")
_TEMPLATE = ("f:spec", "f:template", "f:spec")


@dataclass(frozen=True, slots=True)
class Site:
    """A container of a workload, as it is now.

    Attributes:
        document: The workload.
        workload: What it is, and which of its containers is meant.
    """

    document: Object
    workload: Workload

    @classmethod
    def of(cls, spec: TargetSpec, document: Object) -> Self:
        """Return what an object of the API says.

        Raises:
            TargetError: If it does not have the container, or no telling which.
        """
        return cls(document, Workload.of(spec, document))

    @property
    def manager(self) -> str:
        """Under which name syncd manages the fields that it adds."""
        return f"syncd-reloader-{self.workload.container}"

    @property
    def key(self) -> str:
        """The annotation that keeps what was there before."""
        return f"{self.workload.container}.syncd/reloader"

    @property
    def config_map(self) -> str:
        """The ConfigMap that holds the reloader now, or ""."""
        volumes = self._pod.get("volumes") or ()
        named = (v["configMap"]["name"] for v in volumes if v["name"] == VOLUME)
        return next(named, "")

    @property
    def is_injected(self) -> bool:
        """Whether the reloader stands before the command."""
        command = tuple(self._container.get("command") or ())
        return self._kept is not None and command[: len(PREFIX)] == PREFIX

    @property
    def command(self) -> tuple[str, ...]:
        """The program's own command, as far as the Pod's spec has it."""
        kept = self._kept if self.is_injected else None
        found = kept["command"] if kept else self._container.get("command")
        return tuple(found or ())

    def is_as(self, command: Sequence[str], config_map: str) -> bool:
        """Return whether all is as `body` would make it."""
        now = self._container.get("command")
        same = now == [*PREFIX, *command] and self.config_map == config_map
        return self.is_injected and same

    def body(self, command: Sequence[str], config_map: str) -> Object:
        """Return the part of the object that runs `command` under the reloader."""
        mount = {"name": VOLUME, "mountPath": FOLDER, "readOnly": True}
        container = {
            "name": self.workload.container,
            "command": [*PREFIX, *command],
            "volumeMounts": [mount],
        }
        volume = {"name": VOLUME, "configMap": {"name": config_map}}
        kept = self._kept if self.is_injected else None
        before = kept or {"command": self.command or None, "owners": self._owners()}
        return {
            "apiVersion": self.document["apiVersion"],
            "kind": self.document["kind"],
            "metadata": {
                "name": self.workload.spec.name,
                "annotations": {self.key: json.dumps(before)},
            },
            "spec": {
                "template": {
                    "spec": {
                        self.workload.field: [container],
                        "volumes": [volume],
                    }
                }
            },
        }

    def owner(self) -> Object:
        """Return what has the cluster delete a ConfigMap together with the workload."""
        return {
            "apiVersion": self.document["apiVersion"],
            "kind": self.document["kind"],
            "name": self.document["metadata"]["name"],
            "uid": self.document["metadata"]["uid"],
        }

    def restored(self) -> Object:
        """Return the object as it would be if there had never been a reloader."""
        document = copy.deepcopy(dict(self.document))
        site = Site(document, self.workload)
        kept, container, pod = site._kept, site._container, site._pod
        if self.is_injected and kept is not None:
            container["command"] = kept["command"]
            if kept["command"] is None:
                del container["command"]
        _drop(container, "volumeMounts")
        _drop(pod, "volumes")
        annotations = document["metadata"].get("annotations") or {}
        annotations.pop(self.key, None)
        if not annotations:
            document["metadata"].pop("annotations", None)
        return document

    def owned_as_before(self, managed: Sequence[Object]) -> list[Object]:
        """Return `managedFields` in which the command is again whose it was."""
        kept = self._kept if self.is_injected else None
        owners = [tuple(owner) for owner in (kept or {}).get("owners") or ()]
        found: list[Object] = [
            copy.deepcopy(dict(entry))
            for entry in managed
            if entry["manager"] != self.manager
        ]
        for entry in found:
            if (entry["manager"], entry["operation"]) in owners:
                fields = entry["fieldsV1"]
                for step in self._way:
                    fields = fields.setdefault(step, {})
                fields["f:command"] = {}
        return found

    # --- looking ----------------------------------------------------------------

    @property
    def _pod(self) -> dict[str, Any]:
        found: dict[str, Any] = self.document["spec"]["template"]["spec"]
        return found

    @property
    def _container(self) -> dict[str, Any]:
        each: Iterator[dict[str, Any]] = iter(self._pod[self.workload.field])
        return next(c for c in each if c["name"] == self.workload.container)

    @property
    def _kept(self) -> dict[str, Any] | None:
        annotations = self.document["metadata"].get("annotations") or {}
        try:
            kept = json.loads(annotations.get(self.key, ""))
        except ValueError:
            return None
        return kept if isinstance(kept, dict) and "command" in kept else None

    @property
    def _way(self) -> tuple[str, ...]:
        """Where `managedFields` has the container's fields."""
        name = json.dumps({"name": self.workload.container}, separators=(",", ":"))
        return (*_TEMPLATE, f"f:{self.workload.field}", f"k:{name}")

    def _owners(self) -> list[tuple[str, str]]:
        """Return who manages the command, as manager and operation."""
        found = []
        for entry in self.document["metadata"].get("managedFields") or ():
            fields = entry.get("fieldsV1") or {}
            for step in self._way:
                fields = fields.get(step) or {}
            if "f:command" in fields:
                found.append((entry["manager"], entry["operation"]))
        return found


def _drop(holder: dict[str, Any], field: str) -> None:
    left = [each for each in holder.get(field) or () if each["name"] != VOLUME]
    holder[field] = left
    if not left:
        del holder[field]

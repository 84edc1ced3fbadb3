"""What running under the reloader changes in a workload, and what takes it back. Pure.

The container's command gets the reloader before it, and a volume holds the one file.
What the command was, and its arguments where they are replaced too, and who managed
them, is written on the workload itself, so that another syncd, on another machine, can
take it back.
"""

import copy
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from syncd.cluster import TargetSpec
from syncd.rebuild.workload import Workload


Object = Mapping[str, Any]
FOLDER = "/opt/syncd-reloader"
RELOADER = ("python3", f"{FOLDER}/reloader.py")
_TEMPLATE = ("f:spec", "f:template", "f:spec")


@dataclass(frozen=True, slots=True)
class Start:
    """How a container is to start.

    Attributes:
        command: Its command.
        args: Its arguments; None leaves them to who sets them.
        config_map: Which holds the reloader.
    """

    command: Sequence[str]
    args: Sequence[str] | None
    config_map: str


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
    def volume(self) -> str:
        """The volume with the reloader, which no other container of the Pod mounts."""
        digest = hashlib.sha256(self.workload.container.encode()).hexdigest()
        return f"syncd-reloader-{digest[:8]}"

    @property
    def config_map(self) -> str:
        """The ConfigMap that holds the reloader now, or ""."""
        volumes = self._pod.get("volumes") or ()
        named = (v["configMap"]["name"] for v in volumes if v["name"] == self.volume)
        return next(named, "")

    @property
    def is_injected(self) -> bool:
        """Whether the reloader stands before the command."""
        command = tuple(self._container.get("command") or ())
        return "command" in self._kept and command[: len(RELOADER)] == RELOADER

    @property
    def command(self) -> tuple[str, ...]:
        """The program's own command, as far as the Pod's spec has it."""
        return tuple(self._before.get("command") or ())

    def start(
        self, program: Sequence[str] | None, options: Sequence[str], config_map: str
    ) -> Start:
        """Return how the container starts under the reloader.

        Args:
            program: What to run, in place of its own command and arguments.
            options: What the reloader is told.
            config_map: Which holds it.
        """
        reloader = [*RELOADER, "--stay", *options, "--"]
        if program:
            return Start(reloader, list(program), config_map)
        args = self._before.get("args")  # which were replaced before
        return Start([*reloader, *self.command], args, config_map)

    def is_as(self, start: Start) -> bool:
        """Return whether all is as `body` would make it."""
        now = self._container
        replaced = start.args is not None or "args" in self._kept
        return (
            self.is_injected
            and now.get("command") == start.command
            and (not replaced or (now.get("args") or None) == start.args)
            and self.config_map == start.config_map
        )

    def body(self, start: Start) -> Object:
        """Return the part of the object that has the container start so."""
        mount = {"name": self.volume, "mountPath": FOLDER, "readOnly": True}
        container = {
            "name": self.workload.container,
            "command": start.command,
            "volumeMounts": [mount],
        }
        before = self._before
        if start.args is not None:
            container["args"] = start.args
            before = {**self._as_it_is("args"), **before}
        volume = {"name": self.volume, "configMap": {"name": start.config_map}}
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
        container, pod = site._container, site._pod
        for field in self._replaced:
            container[field] = self._kept[field]
            if self._kept[field] is None:
                del container[field]
        _drop(container, "volumeMounts", self.volume)
        _drop(pod, "volumes", self.volume)
        annotations = document["metadata"].get("annotations") or {}
        annotations.pop(self.key, None)
        if not annotations:
            document["metadata"].pop("annotations", None)
        return document

    def owned_as_before(self, managed: Sequence[Object]) -> list[Object]:
        """Return `managedFields` in which what was replaced is again whose it was."""
        found: list[Object] = [
            copy.deepcopy(dict(entry))
            for entry in managed
            if entry["manager"] != self.manager
        ]
        for entry in found:
            for field in self._replaced:
                who = [entry["manager"], entry["operation"]]
                if who in self._kept.get(f"{field} of", ()):
                    fields = entry["fieldsV1"]
                    for step in self._way:
                        fields = fields.setdefault(step, {})
                    fields[f"f:{field}"] = {}
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
    def _kept(self) -> dict[str, Any]:
        annotations = self.document["metadata"].get("annotations") or {}
        try:
            kept = json.loads(annotations.get(self.key, ""))
        except ValueError:
            return {}
        return kept if isinstance(kept, dict) else {}

    @property
    def _before(self) -> dict[str, Any]:
        """What is to be kept of how the container starts by itself."""
        return self._kept if self.is_injected else self._as_it_is("command")

    @property
    def _replaced(self) -> list[str]:
        known = self._kept if self.is_injected else ()
        return [field for field in ("command", "args") if field in known]

    def _as_it_is(self, field: str) -> dict[str, Any]:
        """Return what a field of the container is, and who manages it."""
        value = self._container.get(field) or None
        return {field: value, f"{field} of": self._owners(field)}

    @property
    def _way(self) -> tuple[str, ...]:
        """Where `managedFields` has the container's fields."""
        name = json.dumps({"name": self.workload.container}, separators=(",", ":"))
        return (*_TEMPLATE, f"f:{self.workload.field}", f"k:{name}")

    def _owners(self, field: str) -> list[list[str]]:
        """Return who manages a field of the container, as manager and operation."""
        found = []
        for entry in self.document["metadata"].get("managedFields") or ():
            fields = entry.get("fieldsV1") or {}
            for step in self._way:
                fields = fields.get(step) or {}
            if f"f:{field}" in fields:
                found.append([entry["manager"], entry["operation"]])
        return found


def _drop(holder: dict[str, Any], field: str, name: str) -> None:
    left = [each for each in holder.get(field) or () if each["name"] != name]
    holder[field] = left
    if not left:
        del holder[field]

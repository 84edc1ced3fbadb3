"""A project, the embedded cluster with its registry, a builder, and the real daemon."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
import yaml

from syncd import daemon
from syncd.config import Flags, load
from syncd.control import Claim
from syncd.events import Event, InStep
from syncd.loopback.builder import STORE
from syncd.loopback.cluster import Loopback
from syncd.loopback.dialect import QUICK
from syncd.loopback.image import Image
from syncd.loopback.image_registry import ImageRegistry


WAIT_S = 40.0
IMAGES = ("web:1", "web:latest")
PROGRAM = "import time; print('here', flush=True); time.sleep(3600)"
DOCKERFILE = """
FROM web:1
COPY requirements.txt requirements.txt
RUN cp requirements.txt installed
"""
SETTINGS = """
[[target]]
workload = "deployment/web"
sync = [{{ local = "app", remote = "/app" }}]
{rules}
[target.rebuild]
{rebuild}
"""


@dataclass
class Project:
    """What a test works with.

    Attributes:
        folder: The project.
        events: All that the daemon has said.
        listeners: Called with each event as it comes.
    """

    folder: Path
    cluster: Loopback
    registry: ImageRegistry
    events: list[Event] = field(default_factory=list)
    listeners: list[Callable[[Event], None]] = field(default_factory=list)
    _awaited: int = 0
    _news: anyio.Event = field(default_factory=anyio.Event)

    def write(self, name: str, text: str) -> None:
        """Save a file as an editor would."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_text(text)
        new.rename(path)

    async def account(self, *resources: str) -> Path:
        """Make an account that may look at and exec into these; its kubeconfig."""
        await self.cluster.apply(_head("v1", "ServiceAccount"))
        for namespace, some in (
            ("default", resources),
            ("kube-public", ["configmaps"]),
        ):
            verbs = ["get", "list", "watch", "create"]
            rule = {"apiGroups": ["", "apps"], "resources": [*some], "verbs": verbs}
            subject = {"kind": "ServiceAccount", "namespace": "default", "name": "me"}
            role = {"apiGroup": _RBAC, "kind": "Role", "name": "me"}
            binding = {"roleRef": role, "subjects": [subject]}
            for manifest in (
                {**_head(f"{_RBAC}/v1", "Role"), "rules": [rule]},
                {**_head(f"{_RBAC}/v1", "RoleBinding"), **binding},
            ):
                await self.cluster.apply(manifest, namespace=namespace)
        config = yaml.safe_load(self.cluster.kubeconfig.read_text())
        token = self.cluster.account_token("default", "me")
        config["users"][0]["user"] = {"token": token}
        path = self.folder / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return path

    @asynccontextmanager
    async def watch(self, kubeconfig: Path | None = None) -> AsyncIterator[None]:
        """Run `syncd watch`, from when it is in step."""
        whose = kubeconfig or self.cluster.kubeconfig
        flags = Flags(kubeconfig=str(whose), namespace="default")
        settings = load(self.folder, environ={}, flags=flags)
        self.events.clear()
        self._awaited = 0
        async with anyio.create_task_group() as tasks:
            with Claim(self.folder, ()) as claim:
                tasks.start_soon(partial(daemon.run, settings, self._hear, claim=claim))
                await self.until(InStep)
                self._awaited = 0
                yield
                tasks.cancel_scope.cancel()

    async def until_both(self, one: type[Event], other: type[Event]) -> Any:
        """Return the next event of `one` when both have come, in either order."""
        awaited = self._awaited
        found = await self.until(one)
        self._awaited, until_one = awaited, self._awaited
        await self.until(other)
        self._awaited = max(self._awaited, until_one)
        return found

    async def until(self, kind: type[Event], **fields: object) -> Any:
        """Return the next such event after the one that was last waited for."""
        with anyio.move_on_after(WAIT_S):
            while True:
                for index in range(self._awaited, len(self.events)):
                    event = self.events[index]
                    if isinstance(event, kind) and _fits(event, fields):
                        self._awaited = index + 1
                        return event
                await self._news.wait()
        story = "\n".join(map(str, self.events[-30:]))
        raise AssertionError(f"no {kind.name} {fields}\n{story}")

    def heard(self, kind: type[Event]) -> list[Any]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def _hear(self, event: Event) -> None:
        self.events.append(event)
        for listener in self.listeners:
            listener(event)
        self._news.set()
        self._news = anyio.Event()

    def pods(self) -> list[dict[str, Any]]:
        """Return the Pods that are not leaving."""
        pods = self.cluster.all("pods")
        return [dict(p) for p in pods if "deletionTimestamp" not in p["metadata"]]

    def container(self) -> Path:
        """Return the files of the one container there is."""
        (pod,) = self.pods()
        return self.cluster.node.files(pod["metadata"]["uid"], "app")

    def image(self, name: str = "deployment/web") -> str:
        """Return the image that the workload names."""
        found = self.cluster.get(name)
        assert found is not None
        return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


_RBAC = "rbac.authorization.k8s.io"


def _head(version: str, kind: str) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": "me"}}


def _fits(event: Event, fields: dict[str, object]) -> bool:
    return all(getattr(event, name) == value for name, value in fields.items())


def workload(kind: str, **container: Any) -> dict[str, Any]:
    labels = {"app": "web"}
    app = {
        "name": "app",
        "image": "web:1",
        "imagePullPolicy": "IfNotPresent",
        "readinessProbe": {
            "exec": {"command": ["test", "-f", "/app/ready"]},
            "periodSeconds": 1,
        },
        **container,
    }
    spec = {"containers": [app], "terminationGracePeriodSeconds": 1}
    named = {"serviceName": "web"} if kind == "StatefulSet" else {}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "web"},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
            **named,
        },
    }


def put_docker_on_the_path(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `docker` be the embedded cluster's builder: a process like any other."""
    folder.mkdir()
    program = folder / "docker"
    words = f'"{sys.executable}" -m syncd.loopback.builder'
    program.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv(STORE, str(folder / "store"))


Lay = Callable[..., AbstractAsyncContextManager[Project]]


@asynccontextmanager
async def project(
    base: Path,
    *,
    rebuild: str = "",
    rules: str = "",
    kind: str = "Deployment",
    **container: Any,
) -> AsyncIterator[Project]:
    """Lay out a project that runs, in one Pod, as it was built."""
    folder, image = base / "project", base / "image"
    for place in (folder, image):
        place.mkdir()
    files = {"version": "0", "requirements.txt": "", "installed": "", "ready": ""}
    for name, text in files.items():
        (image / name).write_text(text)
    command = ("python3", "-uc", PROGRAM)
    images = [Image(name, files=image, command=command) for name in IMAGES]
    async with (
        Loopback(base / "cluster", images, pace=QUICK) as cluster,
        ImageRegistry(cluster) as registry,
    ):
        made = Project(folder, cluster, registry)
        made.write("Dockerfile", DOCKERFILE)
        made.write("requirements.txt", "")
        made.write("app/version", "0")
        settings = SETTINGS.format(rules=rules, rebuild=rebuild)
        made.write("syncd.toml", settings.replace("deployment/", f"{kind.lower()}/"))
        await cluster.apply(workload(kind, **container))
        await cluster.ready(f"{kind.lower()}/web")
        yield made

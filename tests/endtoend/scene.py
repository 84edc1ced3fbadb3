"""A folder, the embedded cluster, and the real daemon between them."""

import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import anyio
from anyio.abc import TaskGroup

from syncd import daemon
from syncd.config import Flags, Reloader, Rule, Settings, load
from syncd.control import Claim, Client, connect
from syncd.events import Event, InStep
from syncd.loopback.cluster import Loopback
from syncd.loopback.dialect import QUICK, Dialect
from syncd.loopback.image import Image, Tools
from syncd.loopback.node import Isolation
from syncd.session import Patience


NAMESPACE = "default"
WAIT_S = 60.0
# One loop runs the cluster and the daemon: what is busy with one says nothing in the other.
PATIENCE = Patience(handshake_s=10, ping_s=2, silence_s=8)
HASTY = Patience(
    handshake_s=5, ping_s=0.5, silence_s=1
)  # where silence is to be noticed

Content = tuple[str, int, bytes]

IDLE = ("sleep", "100000")


def contents(root: Path) -> dict[bytes, Content]:
    """Return what is below `root`: kind, mode and content by path."""
    found: dict[bytes, Content] = {}
    top = os.fsencode(root)
    for folder, dirs, files in os.walk(top):
        for name in (*dirs, *files):
            path = os.path.join(folder, name)  # noqa: PTH118  # names are bytes
            with suppress(FileNotFoundError):  # what an agent stages comes and goes
                found[os.path.relpath(path, top)] = _content(path)
    return found


def _content(path: bytes) -> Content:
    if os.path.islink(path):  # noqa: PTH114
        return "link", 0, os.readlink(path)  # noqa: PTH115
    mode = os.stat(path).st_mode & 0o777  # noqa: PTH116
    if os.path.isdir(path):  # noqa: PTH112
        return "dir", mode | 0o700, b""
    with open(path, "rb") as file:  # noqa: PTH123
        return "file", mode, file.read()


@dataclass
class Scene:
    """What a test works with.

    Attributes:
        folder: The local sync root.
        before: The Deployment, before the daemon started.
        patience: The daemon's.
        events: All that the daemon has said.
    """

    cluster: Loopback
    folder: Path
    settings: Settings
    tasks: TaskGroup
    before: Mapping[str, Any] = field(default_factory=dict)
    patience: Patience = PATIENCE
    events: list[Event] = field(default_factory=list)
    _news: anyio.Event = field(default_factory=anyio.Event)
    _running: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    _ended: anyio.Event = field(default_factory=anyio.Event)

    async def start(self) -> None:
        """Start the daemon."""
        self._running, self._ended = anyio.CancelScope(), anyio.Event()
        self.tasks.start_soon(self._run)

    async def stop(self) -> None:
        """Stop the daemon, and wait until it has ended."""
        self._running.cancel()
        await self._ended.wait()

    async def _run(self) -> None:
        with self._running:
            targets = tuple(target.title for target in self.settings.targets)
            with Claim(self.settings.project, targets) as claim:
                await daemon.run(
                    self.settings, self.hear, patience=self.patience, claim=claim
                )
        self._ended.set()

    @asynccontextmanager
    async def asking(self) -> AsyncIterator[Client]:
        """Connect to the daemon's control socket."""
        async with connect(self.folder) as client:
            yield client

    def hear(self, event: Event) -> None:
        """Take in an event of the daemon."""
        self.events.append(event)
        self._news.set()
        self._news = anyio.Event()

    def heard(self, kind: type[Event]) -> list[Any]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, satisfied: Callable[[], object]) -> None:
        """Wait until a condition holds, asked after every event of the daemon."""
        with anyio.fail_after(WAIT_S):
            while not satisfied():
                news = self._news
                with anyio.move_on_after(0.2):  # what a container does, nobody tells
                    await news.wait()

    async def until_equal(self) -> None:
        """Wait until every container holds what the folder holds.

        Raises:
            AssertionError: If that does not come; it shows the difference.
        """
        try:
            await self.until(self.is_equal)
        except TimeoutError:
            here = contents(self.folder)
            for there in self.containers():
                assert contents(there) == here
            raise

    def is_equal(self) -> bool:
        """Return whether every container holds what the folder holds."""
        here = contents(self.folder)
        containers = self.containers()
        return bool(containers) and all(contents(c) == here for c in containers)

    def pods(self) -> list[dict[str, Any]]:
        """Return the Pods that are not leaving."""
        pods = self.cluster.all("pods", namespace=NAMESPACE)
        return [dict(p) for p in pods if "deletionTimestamp" not in p["metadata"]]

    def containers(self) -> list[Path]:
        """Return the folders of the containers that run."""
        node = self.cluster.node
        uids = [pod["metadata"]["uid"] for pod in self.pods()]
        found = [(uid, node.container(uid, "app")) for uid in uids]
        if not all(container and container.process for _, container in found):
            return []
        return [node.files(uid, "app") for uid, _ in found]


def deployment(
    replicas: int, container: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """Return a Deployment of the scene's image, with what `container` adds."""
    labels = {"app": "web"}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "containers": [{"name": "app", "image": "web:1", **container}]
                },
            },
        },
    }


@asynccontextmanager
async def scene(
    base: Path,
    *,
    replicas: int = 1,
    dialect: Dialect = Dialect.V1_36,
    tools: Tools = "python",
    image_files: dict[str, bytes] | None = None,
    command: tuple[str, ...] = IDLE,
    container: Mapping[str, Any] = MappingProxyType({}),
    mode: str | None = None,
    until: type[Event] = InStep,
    reloader: Mapping[str, Any] | None = None,
    rules: tuple[Rule, ...] = (),
    patience: Patience = PATIENCE,
    isolation: Isolation = "auto",
) -> AsyncIterator[Scene]:
    """Run a cluster, a Deployment and the daemon; the folder starts as the image."""
    image, folder = base / "image", base / "folder"
    for place in (image, folder):
        place.mkdir()
        for name, data in (image_files or {}).items():
            (place / name).write_bytes(data)
    images = [Image("web:1", files=image, command=command, tools=tools)]
    async with Loopback(
        base / "cluster",
        images,
        dialect=dialect,
        pace=QUICK,
        isolation=isolation,
    ) as cluster:
        await cluster.apply(deployment(replicas, container))
        await cluster.ready("deployment/web")
        before = cluster.get("deployment/web", namespace=NAMESPACE) or {}
        flags = Flags(
            kubeconfig=str(cluster.kubeconfig), namespace=NAMESPACE, mode=mode
        )
        settings = load(
            folder, environ={}, flags=flags, pair=(str(folder), "deployment/web:/app")
        )
        (target,) = settings.targets
        more: dict[str, Any] = {"rules": rules}
        if reloader is not None:
            more["reloader"] = Reloader(**reloader)
        target = target.model_copy(update=more)
        settings = settings.model_copy(update={"targets": (target,)})
        async with anyio.create_task_group() as tasks:
            made = Scene(cluster, folder, settings, tasks, before, patience)
            await made.start()
            await made.until(lambda: made.heard(until))
            yield made
            tasks.cancel_scope.cancel()

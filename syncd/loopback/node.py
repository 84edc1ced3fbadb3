"""The embedded cluster's node: a kubelet whose containers are local processes."""

import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import anyio
from anyio.abc import TaskGroup

from syncd.loopback.dialect import REAL, Dialect, Pace
from syncd.loopback.image import Image
from syncd.loopback.kubelet.container import Container, Exec
from syncd.loopback.kubelet.environment import Lookup
from syncd.loopback.kubelet.images import ImageStore
from syncd.loopback.kubelet.pod import PodWorker
from syncd.loopback.kubelet.ward import Surroundings
from syncd.loopback.runtime import stdio
from syncd.loopback.runtime.client import Runtime


Event = Callable[[str, str, str, str, str | None], None]


Isolation = Literal["auto", "none"]


class ContainerNotFound(Exception):
    """A container does not run, or there is none of that name."""


class Node:
    """Runs Pods.

    Everything but `run` returns at once, and is called on the event loop that `run`
    runs on.
    """

    def __init__(  # noqa: PLR0913 -- each is named where it is given
        self,
        folder: Path,
        images: Mapping[str, Image],
        *,
        dialect: Dialect,
        changed: Callable[[str], None],
        pace: Pace = REAL,
        lookup: Lookup | None = None,
        event: Event | None = None,
        isolation: Isolation = "auto",
    ) -> None:
        """Make a node that keeps everything in `folder`.

        Args:
            folder: Made if it is not there; what is left of an earlier node goes.
            images: What can be pulled; may change while the node runs.
            dialect: Which Kubernetes it behaves like.
            changed: Called with the uid of a Pod whose status has changed.
            pace: How long things take.
            lookup: Finds ConfigMaps and Secrets.
            event: Called with uid, type, reason, message and container of what a
                kubelet makes an Event of.
            isolation: `none` for processes without namespaces, even where they work.
        """
        self._folder = folder
        self._changed = changed
        self._runtime = Runtime(folder / "runtime", isolation)
        self._surroundings = Surroundings(
            runtime=self._runtime,
            images=ImageStore(images, folder, dialect),
            folder=folder,
            dialect=dialect,
            pace=pace,
            lookup=lookup or (lambda *_: None),
            host_ip="127.0.0.1",
            event=event or (lambda *_: None),
        )
        self._workers: dict[str, PodWorker] = {}
        self._new, self._taken = anyio.create_memory_object_stream[PodWorker](
            float("inf")
        )
        self._addresses = _addresses()
        self._tasks: TaskGroup

    @property
    def isolated(self) -> bool:
        """Whether containers have a root and a PID space of their own."""
        return self._runtime.isolated

    async def run(self) -> None:
        """Run Pods until cancelled; then every process is dead."""
        with self._new, self._taken:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                tasks.start_soon(self._runtime.run)
                await self._runtime.ready()
                async for worker in self._taken:
                    tasks.start_soon(worker.run)

    async def ready(self) -> None:
        """Wait until the node can start Pods."""
        await self._runtime.ready()

    def start(self, pod: Mapping[str, Any]) -> None:
        """Run a Pod that was bound to this node."""
        uid = pod["metadata"]["uid"]
        worker = PodWorker(
            pod,
            next(self._addresses),
            self._surroundings,
            lambda: self._changed(uid),
        )
        self._workers[uid] = worker
        self._new.send_nowait(worker)

    def stop(self, uid: str, grace_s: float) -> None:
        """End a Pod: TERM to its first processes, KILL after the grace."""
        if worker := self._workers.get(uid):
            worker.stop(grace_s)

    def status(self, uid: str) -> dict[str, Any]:
        """The Pod's status, as a kubelet writes it."""
        worker = self._workers.get(uid)
        return worker.status if worker else {}

    def gone(self, uid: str) -> bool:
        """Whether nothing is left of a Pod."""
        worker = self._workers.get(uid)
        return worker is None or worker.gone

    def forget(self, uid: str) -> None:
        """Drop what is known of a Pod that is gone."""
        if self.gone(uid):
            self._workers.pop(uid, None)

    def container(self, uid: str, name: str) -> Container | None:
        """Find a container."""
        worker = self._workers.get(uid)
        return worker.container(name) if worker else None

    def address(self, uid: str) -> str | None:
        """The address of a Pod on this node."""
        worker = self._workers.get(uid)
        return worker.address if worker else None

    def running(self, uid: str, name: str) -> Container:
        """Find a container that runs.

        Raises:
            ContainerNotFound: If it does not.
        """
        container = self.container(uid, name)
        if container is None or container.process is None:
            raise ContainerNotFound(f'container not found ("{name}")')
        return container

    async def exec(
        self, uid: str, name: str, argv: Sequence[str], streams: stdio.Stdio
    ) -> Exec:
        """Start a process in a running container.

        Raises:
            ContainerNotFound: If it does not run.
            StartFailed: If the process cannot be started.
        """
        return await self.running(uid, name).exec(argv, streams)

    def keep(self, started: Exec, feed: stdio.Feed | None) -> Callable[[], None]:
        """Look after a process's streams; return what to call when nobody uses them.

        They stay open until it has ended: it may outlive whoever asked for it.
        """
        released = anyio.Event()
        self._tasks.start_soon(_keep, started, feed, released)
        return released.set

    def files(self, uid: str, name: str) -> Path:
        """The folder that a container has at its image's mount, seen from outside.

        Raises:
            ContainerNotFound: If it was never started.
        """
        container = self.container(uid, name)
        if container is None or container.room is None:
            raise ContainerNotFound(f'container not found ("{name}")')
        return container.room.files

    def kill(self, uid: str, name: str) -> None:
        """Kill a container's first process, and so all of them."""
        if process := self.running(uid, name).process:
            process.kill()

    def kill_execs(self, uid: str, name: str | None = None) -> int:
        """Kill what was started by exec in a Pod or a container; return how many."""
        worker = self._workers.get(uid)
        containers = worker.containers if worker else ()
        victims = [
            process
            for container in containers
            if name in (None, container.facts.name)
            for process in container.execs
            if not process.ended.is_set()
        ]
        for process in victims:
            process.kill()
        return len(victims)


async def _keep(started: Exec, feed: stdio.Feed | None, released: anyio.Event) -> None:
    try:
        async with anyio.create_task_group() as tasks:
            if feed:
                tasks.start_soon(feed.run)
            await released.wait()
            await started.process.ended.wait()
            tasks.cancel_scope.cancel()
    finally:
        started.stdio.close()


def _addresses() -> Iterator[str]:
    """Yield an address for each Pod.

    On Linux each has one of its own, so that many can listen on the same port: all of
    127.0.0.0/8 is this machine's. Elsewhere only 127.0.0.1 is.
    """
    while True:
        middle = f"{64 + secrets.randbelow(64)}.{secrets.randbelow(256)}"
        for last in range(1, 255):
            yield f"127.{middle}.{last}" if sys.platform == "linux" else "127.0.0.1"

"""One Pod on a node: from bound to gone."""

import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from syncd.loopback.dialect import Dialect, Pace
from syncd.loopback.kubelet import backoff, volumes
from syncd.loopback.kubelet.container import Container
from syncd.loopback.kubelet.environment import Lookup, NoSuchObject
from syncd.loopback.kubelet.facts import PodFacts, Terminated, Waiting, now
from syncd.loopback.kubelet.health import Health
from syncd.loopback.kubelet.images import ImageStore, Pulled, PullFailed
from syncd.loopback.kubelet.rooms import Room
from syncd.loopback.kubelet.status import pod_status
from syncd.loopback.runtime.client import Runtime, StartFailed


_NEVER = "1970-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a Pod gets from its node.

    Attributes:
        runtime: Starts processes.
        images: Has images.
        folder: The node's.
        dialect: Of the cluster.
        pace: How long things take.
        lookup: Finds ConfigMaps and Secrets.
        host_ip: The node's address.
        event: Takes uid, type, reason, message and container of what happens.
    """

    runtime: Runtime
    images: ImageStore
    folder: Path
    dialect: Dialect
    pace: Pace
    lookup: Lookup
    host_ip: str
    event: Callable[[str, str, str, str, str | None], None]


class PodWorker:
    """Runs one Pod.

    Attributes:
        status: The newest.
        gone: Whether nothing is left of it.
    """

    def __init__(
        self,
        pod: Mapping[str, Any],
        address: str,
        node: Surroundings,
        changed: Callable[[], None],
    ) -> None:
        self.pod = pod
        self.address = address
        self.status: dict[str, Any] = {}
        self.gone = False
        self._node = node
        self._changed = changed
        self._started_at = now()
        self._sandbox = False
        self._over = False
        self._stopping = anyio.Event()
        self._hurry = anyio.Event()
        self._deadline = float("inf")
        self._forced = False
        self._folders: dict[str, Path] = {}
        spec = pod["spec"]
        init = spec.get("initContainers", ())
        reason = "PodInitializing" if init else "ContainerCreating"
        self._init = self._containers_of(init, reason)
        self._containers = self._containers_of(spec["containers"], reason)

    def _containers_of(
        self, specs: Iterable[Mapping[str, Any]], reason: str
    ) -> list[Container]:
        runtime = self._node.runtime
        return [Container(runtime, s, Waiting(reason), self._publish) for s in specs]

    @property
    def uid(self) -> str:
        """The Pod's."""
        return str(self.pod["metadata"]["uid"])

    @property
    def folder(self) -> Path:
        """Has all that goes with the Pod."""
        return self._node.folder / "pods" / self.uid

    def container(self, name: str) -> Container | None:
        """Find a container, of whatever sort."""
        every = (*self._containers, *self._init)
        return next((c for c in every if c.facts.name == name), None)

    @property
    def containers(self) -> tuple[Container, ...]:
        """All of them."""
        return (*self._init, *self._containers)

    def stop(self, grace_s: float) -> None:
        """Ask the Pod to end within the grace; a second call can only shorten it."""
        self._deadline = min(self._deadline, anyio.current_time() + grace_s)
        self._forced |= grace_s <= 0
        self._stopping.set()
        self._hurry.set()
        self._hurry = anyio.Event()

    async def run(self) -> None:
        """Run the Pod until it was stopped and has ended."""
        self._publish()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._end_when_told)
            await self._live()
            await self._rest()
            tasks.cancel_scope.cancel()
        if not self._forced:
            await anyio.sleep(self._node.pace.removal_s[self._node.dialect])
        await anyio.to_thread.run_sync(shutil.rmtree, self.folder, True)  # noqa: FBT003 -- ignore errors
        self.gone = True
        self._changed()

    async def _live(self) -> None:
        await self._pause(self._node.pace.sandbox_s)
        await self._prepare_volumes()
        self._sandbox = True
        self._publish()
        policy = self.pod["spec"].get("restartPolicy", "Always")
        for container in self._init:
            await self._keep(container, "Never" if policy == "Never" else "OnFailure")
            if not container.facts.succeeded:
                return
        async with anyio.create_task_group() as tasks:
            for container in self._containers:
                tasks.start_soon(self._keep, container, policy)

    async def _prepare_volumes(self) -> None:
        place, claims = self.folder / "volumes", self._node.folder / "claims"
        while not self._stopping.is_set():
            try:
                self._folders = await anyio.to_thread.run_sync(
                    volumes.prepare, self.pod, place, claims, self._node.lookup
                )
            except NoSuchObject as error:
                self._say(
                    "Warning", "FailedMount", f"MountVolume.SetUp failed: {error}"
                )
                await self._pause(self._node.pace.pull_backoff_s)
            else:
                return

    async def _keep(self, container: Container, policy: str) -> None:
        """Run a container, again and again if its Pod wants that."""
        failures = 0
        while not self._stopping.is_set():
            began = anyio.current_time()
            if await self._run_once(container):
                long = anyio.current_time() - began > 2 * self._longest_wait
                failures = 1 if long else failures + 1
                if _is_done(container, policy):
                    return
                await self._back_off(container, failures)

    @property
    def _longest_wait(self) -> float:
        return self._node.pace.crash_backoff_cap_s

    async def _run_once(self, container: Container) -> bool:
        """Run a container to its end; return whether it came to running at all."""
        pulled = await self._pull(container)
        if pulled is None:
            return False
        try:
            room = self._room(container, pulled)
            await container.start(room, self.pod, self.address, self._node.lookup)
        except NoSuchObject as error:
            container.set(state=Waiting("CreateContainerConfigError", str(error)))
            self._say("Warning", "Failed", f"Error: {error}", container)
            await self._pause(self._node.pace.pull_backoff_s)
            return False
        except StartFailed as error:
            self._note_failed_start(container, str(error))
            return True
        self._say("Normal", "Started", "Container started", container)
        if self._stopping.is_set() and container.process:
            container.process.kill()
        await self._attend(container)
        return True

    async def _attend(self, container: Container) -> None:
        def say(kind: str, reason: str, message: str) -> None:
            self._say(kind, reason, message, container)

        grace_s = self.pod["spec"].get("terminationGracePeriodSeconds", 30)
        health = Health(container, host=self.address, grace_s=grace_s, say=say)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(health.watch)
            await container.finish()
            tasks.cancel_scope.cancel()

    def _room(self, container: Container, pulled: Pulled) -> Room:
        spec = container.facts.spec
        return Room(
            self.folder / spec["name"],
            pulled,
            tuple(volumes.mounts(self.pod, spec, self._folders)),
            isolated=self._node.runtime.isolated,
            read_only=bool(
                (spec.get("securityContext") or {}).get("readOnlyRootFilesystem")
            ),
        )

    def _note_failed_start(self, container: Container, why: str) -> None:
        message = (
            "failed to create containerd task: failed to create shim task: OCI runtime "
            f"create failed: runc create failed: {why.removeprefix('exec failed: ')}"
        )
        facts = container.facts
        end = Terminated(128, "StartError", _NEVER, now(), facts.container_id, message)
        container.set(
            state=Waiting("RunContainerError", message),
            last=end,
            restarts=facts.restarts + (facts.last is not None),
        )
        self._say("Warning", "Failed", f"Error: {message}", container)

    async def _pull(self, container: Container) -> Pulled | None:
        """Return the container's image; `None` if the Pod is stopped before."""
        name = container.facts.spec["image"]
        images, pace = self._node.images, self._node.pace
        isolated = self._node.runtime.isolated
        while not self._stopping.is_set():
            try:
                pulled = await images.pull(name, isolated=isolated)
            except PullFailed as error:
                container.set(state=Waiting("ErrImagePull", str(error)))
                failed = f'Failed to pull image "{name}": {error}'
                self._say("Warning", "Failed", failed, container)
                await self._pause(1.2 * pace.pull_backoff_s)
                message = images.backing_off(name, str(error))
                container.set(state=Waiting("ImagePullBackOff", message))
                self._say("Normal", "BackOff", message, container)
                await self._pause(1.1 * pace.pull_backoff_s)
            else:
                container.facts_of_image(pulled.digest)
                return pulled
        return None

    async def _back_off(self, container: Container, failures: int) -> None:
        wait = backoff.wait(failures, self._node.pace, self._node.dialect)
        if wait is None:
            return
        await self._pause(wait.silent_s)
        if self._stopping.is_set():
            return
        facts = container.facts
        metadata = self.pod["metadata"]
        message = (
            f"back-off {backoff.go_duration(wait.delay_s)} restarting failed "
            f"container={facts.name} "
            f"pod={metadata['name']}_{metadata['namespace']}({self.uid})"
        )
        last = facts.state if isinstance(facts.state, Terminated) else facts.last
        container.set(state=Waiting("CrashLoopBackOff", message), last=last)
        self._say("Warning", "BackOff", message, container)
        await self._pause(wait.told_s)

    async def _rest(self) -> None:
        """Wait for the Pod's deletion; all that was to run has."""
        await self._pause(self._node.pace.removal_s[self._node.dialect])
        self._over = True
        self._publish()
        await self._stopping.wait()

    async def _end_when_told(self) -> None:
        await self._stopping.wait()
        for container in self.containers:
            if container.process:
                said = f"Stopping container {container.facts.name}"
                self._say("Normal", "Killing", said, container)
                container.process.kill(15)
        while (left := self._deadline - anyio.current_time()) > 0:
            with anyio.move_on_after(left):
                await self._hurry.wait()
        for container in self.containers:
            if container.process:
                container.process.kill()

    async def _pause(self, seconds: float) -> None:
        """Sleep, unless the Pod is stopped."""
        with anyio.move_on_after(seconds):
            await self._stopping.wait()

    def _say(
        self, kind: str, reason: str, message: str, container: Container | None = None
    ) -> None:
        name = container.facts.name if container else None
        self._node.event(self.uid, kind, reason, message, name)

    def _publish(self) -> None:
        facts = PodFacts(
            pod=self.pod,
            host_ip=self._node.host_ip,
            pod_ip=self.address,
            started_at=self._started_at,
            init=[container.facts for container in self._init],
            containers=[container.facts for container in self._containers],
            sandbox=self._sandbox,
            leaving=self._stopping.is_set(),
            over=self._over,
        )
        status = pod_status(facts, self._node.dialect, self.status)
        if status != self.status:
            self.status = status
            self._changed()


def _is_done(container: Container, policy: str) -> bool:
    if policy == "Never":
        return True
    return policy == "OnFailure" and container.facts.succeeded

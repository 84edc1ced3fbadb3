"""One Pod on a node: from bound to gone."""

import functools
import shutil
import signal
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import anyio
import anyio.from_thread

from syncd.loopback.kubelet import volumes
from syncd.loopback.kubelet.container import Container
from syncd.loopback.kubelet.environment import Unfit
from syncd.loopback.kubelet.facts import PodFacts, Waiting, now
from syncd.loopback.kubelet.keeper import Keeper
from syncd.loopback.kubelet.status import pod_status
from syncd.loopback.kubelet.ward import Surroundings, Ward


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
        self.status: dict[str, Any] = {}
        self.gone = False
        self._ward = Ward(pod, address, node)
        self._changed = changed
        self._started_at = now()
        self._sandbox = False
        self._over = False
        self._hurry = anyio.Event()
        self._deadline = float("inf")
        self._forced = False
        init = pod["spec"].get("initContainers", ())
        reason = "PodInitializing" if init else "ContainerCreating"
        self._init = self._containers_of(init, reason)
        self._containers = self._containers_of(pod["spec"]["containers"], reason)

    def _containers_of(
        self, specs: Iterable[Mapping[str, Any]], reason: str
    ) -> list[Container]:
        runtime = self._ward.node.runtime
        return [Container(runtime, s, Waiting(reason), self._publish) for s in specs]

    @property
    def address(self) -> str:
        """The Pod's."""
        return self._ward.address

    @property
    def containers(self) -> tuple[Container, ...]:
        """All of them."""
        return (*self._init, *self._containers)

    def container(self, name: str) -> Container | None:
        """Find one, of whatever sort."""
        return next((c for c in self.containers if c.facts.name == name), None)

    def stop(self, grace_s: float) -> None:
        """Ask the Pod to end within the grace; a second call can only shorten it."""
        self._deadline = min(self._deadline, anyio.current_time() + grace_s)
        self._forced |= grace_s <= 0
        self._ward.stopping.set()
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
        node = self._ward.node
        if not self._forced:
            await anyio.sleep(node.pace.removal_s[node.dialect])
        remove = functools.partial(shutil.rmtree, ignore_errors=True)
        await anyio.to_thread.run_sync(remove, self._ward.folder)
        self.gone = True
        self._changed()

    async def _live(self) -> None:
        """Run all containers, as often as they are to run."""
        await self._ward.pause(self._ward.node.pace.sandbox_s)
        await self._prepare_volumes()
        self._sandbox = True
        self._publish()
        policy = self._ward.pod["spec"].get("restartPolicy", "Always")
        for container in self._init:
            again = "Never" if policy == "Never" else "OnFailure"
            await Keeper(self._ward, container, again).run()
            if not container.facts.succeeded:
                return
        async with anyio.create_task_group() as tasks:
            for container in self._containers:
                tasks.start_soon(Keeper(self._ward, container, policy).run)

    async def _prepare_volumes(self) -> None:
        ward = self._ward
        place, claims = ward.folder / "volumes", ward.node.folder / "claims"
        while not ward.stopping.is_set():
            try:
                # The files are written in a thread, what is in them is asked for here.
                ward.volumes = await anyio.to_thread.run_sync(
                    volumes.prepare, ward.pod, place, claims, self._lookup
                )
            except (Unfit, OSError) as error:
                failed = f"MountVolume.SetUp failed: {error}"
                ward.say("Warning", "FailedMount", failed)
                await ward.pause(ward.node.pace.pull_backoff_s)
            else:
                return

    def _lookup(self, kind: str, namespace: str, name: str) -> dict[str, Any] | None:
        find = self._ward.node.lookup
        return anyio.from_thread.run_sync(find, kind, namespace, name)

    async def _rest(self) -> None:
        """Wait for the Pod's deletion; all that was to run has."""
        node = self._ward.node
        await self._ward.pause(node.pace.removal_s[node.dialect])
        self._over = True
        self._publish()
        await self._ward.stopping.wait()

    async def _end_when_told(self) -> None:
        await self._ward.stopping.wait()
        for container in self.containers:
            if container.process:
                name = container.facts.name
                self._ward.say("Normal", "Killing", f"Stopping container {name}", name)
                container.process.kill(signal.SIGTERM)
        while (left := self._deadline - anyio.current_time()) > 0:
            with anyio.move_on_after(left):
                await self._hurry.wait()
        for container in self.containers:
            if container.process:
                container.process.kill()

    def _publish(self) -> None:
        node = self._ward.node
        facts = PodFacts(
            pod=self._ward.pod,
            host_ip=node.host_ip,
            pod_ip=self._ward.address,
            started_at=self._started_at,
            init=[container.facts for container in self._init],
            containers=[container.facts for container in self._containers],
            sandbox=self._sandbox,
            leaving=self._ward.stopping.is_set(),
            over=self._over,
        )
        status = pod_status(facts, node.dialect, self.status)
        if status != self.status:
            self.status = status
            self._changed()

"""Keeps one container of a Pod going: pull, start, attend, wait, and again."""

import anyio

from syncd.loopback.kubelet import backoff, volumes, wording
from syncd.loopback.kubelet.container import Container
from syncd.loopback.kubelet.environment import Unfit
from syncd.loopback.kubelet.facts import Terminated, Waiting, now
from syncd.loopback.kubelet.health import Health
from syncd.loopback.kubelet.images import Pulled, PullFailed
from syncd.loopback.kubelet.rooms import Room
from syncd.loopback.kubelet.ward import Ward
from syncd.loopback.runtime.client import StartFailed


_NEVER = "1970-01-01T00:00:00Z"


class Keeper:
    """Runs a container as often as its policy wants."""

    def __init__(self, ward: Ward, container: Container, policy: str) -> None:
        self._ward = ward
        self._node = ward.node
        self._container = container
        self._policy = policy

    async def run(self) -> None:
        """Return when the container is not to run again, or its Pod is to end."""
        failures = 0
        while not self._ward.stopping.is_set():
            began = anyio.current_time()
            if await self._run_once():
                long = 2 * self._node.pace.crash_backoff_cap_s
                recovered = anyio.current_time() - began > long
                failures = 1 if recovered else failures + 1
                if self._is_done():
                    return
                await self._back_off(failures)

    def _is_done(self) -> bool:
        succeeded = self._container.facts.succeeded
        return self._policy == "Never" or (self._policy == "OnFailure" and succeeded)

    async def _run_once(self) -> bool:
        """Run it to its end; return whether it was started at all, well or not."""
        pulled = await self._pull()
        if pulled is None:
            return False
        ward, container = self._ward, self._container
        try:
            room = self._room(pulled)
            await container.start(room, ward.pod, ward.address, self._node.lookup)
        except StartFailed as error:
            self._note_failed_start(str(error))
            return True
        except Unfit as error:
            await self._wait_to_create("CreateContainerConfigError", error)
            return False
        except OSError as error:  # its files could not be made
            await self._wait_to_create("CreateContainerError", error)
            return False
        self._say_started()
        if ward.stopping.is_set() and container.process:
            container.process.kill()
        await self._attend()
        return True

    async def _wait_to_create(self, reason: str, error: Exception) -> None:
        self._container.set(state=Waiting(reason, str(error)))
        self._say("Warning", "Failed", f"Error: {error}")
        await self._ward.pause(self._node.pace.pull_backoff_s)

    def _say_started(self) -> None:
        name, dialect = self._container.facts.name, self._node.dialect
        self._say("Normal", "Created", wording.created(name, dialect))
        self._say("Normal", "Started", wording.started(name, dialect))

    async def _attend(self) -> None:
        grace_s = self._ward.pod["spec"].get("terminationGracePeriodSeconds", 30)
        health = Health(
            self._container, host=self._ward.address, grace_s=grace_s, say=self._say
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch_until_stopped, health)
            await self._container.finish()
            tasks.cancel_scope.cancel()

    async def _watch_until_stopped(self, health: Health) -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(health.watch)
            await self._ward.stopping.wait()
            tasks.cancel_scope.cancel()

    def _room(self, pulled: Pulled) -> Room:
        spec = self._container.facts.spec
        security = spec.get("securityContext") or {}
        return Room(
            self._ward.folder / spec["name"],
            pulled,
            tuple(volumes.mounts(self._ward.pod, spec, self._ward.volumes)),
            isolated=self._node.runtime.isolated,
            read_only=bool(security.get("readOnlyRootFilesystem")),
        )

    def _note_failed_start(self, why: str) -> None:
        message = (
            "failed to create containerd task: failed to create shim task: OCI runtime "
            f"create failed: runc create failed: {why.removeprefix('exec failed: ')}"
        )
        facts = self._container.facts
        end = Terminated(128, "StartError", _NEVER, now(), facts.container_id, message)
        self._container.set(
            state=Waiting("RunContainerError", message),
            last=end,
            restarts=facts.restarts + (facts.last is not None),
        )
        self._say("Warning", "Failed", f"Error: {message}")

    async def _pull(self) -> Pulled | None:
        """Return the container's image; `None` if the Pod is to end before."""
        name = self._container.facts.spec["image"]
        isolated = self._node.runtime.isolated
        while not self._ward.stopping.is_set():
            try:
                pulled = await self._node.images.pull(name, isolated=isolated)
            except PullFailed as error:
                await self._wait_to_pull(name, str(error))
            else:
                self._container.facts_of_image(pulled.digest)
                said = wording.pulled(name, self._node.dialect)
                self._say("Normal", "Pulled", said)
                return pulled
        return None

    async def _wait_to_pull(self, name: str, error: str) -> None:
        pause_s = self._node.pace.pull_backoff_s
        self._say("Normal", "Pulling", f'Pulling image "{name}"')
        self._container.set(state=Waiting("ErrImagePull", error))
        self._say("Warning", "Failed", f'Failed to pull image "{name}": {error}')
        self._say("Warning", "Failed", "Error: ErrImagePull")
        await self._ward.pause(1.2 * pause_s)
        message = self._node.images.backing_off(name, error)
        self._container.set(state=Waiting("ImagePullBackOff", message))
        self._say("Normal", "BackOff", f'Back-off pulling image "{name}"')
        self._say("Warning", "Failed", "Error: ImagePullBackOff")
        await self._ward.pause(1.1 * pause_s)

    async def _back_off(self, failures: int) -> None:
        wait = backoff.wait(failures, self._node.pace, self._node.dialect)
        if wait is None:
            return
        facts, metadata = self._container.facts, self._ward.pod["metadata"]
        pod = f"{metadata['name']}_{metadata['namespace']}({self._ward.uid})"
        said = wording.backing_off(facts.name, pod, self._node.dialect)
        self._say("Warning", "BackOff", said)
        await self._ward.pause(wait.silent_s)
        if self._ward.stopping.is_set():
            return
        delay = backoff.go_duration(wait.delay_s)
        message = f"back-off {delay} restarting failed container={facts.name} pod={pod}"
        last = facts.state if isinstance(facts.state, Terminated) else facts.last
        self._container.set(state=Waiting("CrashLoopBackOff", message), last=last)
        await self._ward.pause(wait.told_s)

    def _say(self, kind: str, reason: str, message: str) -> None:
        self._ward.say(kind, reason, message, self._container.facts.name)

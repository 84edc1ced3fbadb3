"""One container of a Pod, through all its runs."""

import os
import secrets
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import anyio

from syncd.loopback.kubelet.environment import (
    Lookup,
    Unfit,
    arguments,
    environment,
)
from syncd.loopback.kubelet.facts import (
    ContainerFacts,
    Running,
    Terminated,
    Waiting,
    ended,
    now,
)
from syncd.loopback.kubelet.logs import Log
from syncd.loopback.kubelet.resources import as_bytes
from syncd.loopback.kubelet.rooms import Room
from syncd.loopback.runtime import stdio
from syncd.loopback.runtime.client import Process, Runtime, StartFailed
from syncd.loopback.runtime.rootfs import Plan


Listener = Callable[[int, bytes], None]


@dataclass(slots=True)
class Exec:
    """A process started beside a container's own.

    Attributes:
        process: The process.
        stdio: This side of its streams.
    """

    process: Process
    stdio: stdio.Stdio


class Container:
    """A container; `facts` says how it is, and `changed` is called when that changes.

    Attributes:
        facts: For the Pod's status.
        log: Of the run now, or the last one.
        previous: Of the run before.
        process: Its first process, while it runs.
        stdin: Into the first process, if its spec asks for that.
        listeners: Called with all that it writes: channel and data, at its end with
            no data on each.
    """

    def __init__(
        self,
        runtime: Runtime,
        spec: Mapping[str, Any],
        waiting: Waiting,
        changed: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._changed = changed
        self._order: dict[str, Any] = {}
        self._room: Room | None = None
        self._stdio: stdio.Stdio | None = None
        self.facts = ContainerFacts(spec, waiting)
        self.log: Log | None = None
        self.previous: Log | None = None
        self.process: Process | None = None
        self.stdin: stdio.Feed | None = None
        self.listeners: set[Listener] = set()
        self.execs: set[Process] = set()

    @property
    def room(self) -> Room | None:
        """Where it lives, once it has been started."""
        return self._room

    @property
    def terminal(self) -> int | None:
        """Its terminal, if it has one and runs."""
        spec = self.facts.spec
        return self._stdio.stdout if spec.get("tty") and self._stdio else None

    def set(self, **facts: object) -> None:
        """Note what changed, and tell."""
        self.facts = replace(self.facts, **facts)  # type: ignore[arg-type] # by name
        self._changed()

    def facts_of_image(self, digest: str) -> None:
        """Note which image it has; told with the next change."""
        self.facts = replace(self.facts, image_id=digest)

    async def start(
        self, room: Room, pod: Mapping[str, Any], pod_ip: str, lookup: Lookup
    ) -> None:
        """Start a new run, its files as in the image.

        Raises:
            Unfit: If the Pod refers to what is not there, or forbids its user.
            OSError: If its files cannot be made.
            StartFailed: If its program cannot be started.
        """
        spec = self.facts.spec
        image = room.pulled.image
        values = environment(
            pod,
            spec,
            base={
                **room.environment(),
                "HOSTNAME": pod["metadata"]["name"],
                **image.env,
            },
            pod_ip=pod_ip,
            lookup=lookup,
        )
        words = arguments(
            spec, entrypoint=image.entrypoint, command=image.command, values=values
        )
        order = self._common_order(room, pod, values)
        plan = await anyio.to_thread.run_sync(room.furnish)
        self._room, self._order = room, order
        await self._spawn(room.inside(words), plan)
        state = self.facts.state
        last = state if isinstance(state, Terminated) else self.facts.last
        self.set(
            state=Running(now()),
            last=last,
            restarts=self.facts.restarts + (last is not None),
            started="startupProbe" not in spec,
            ready=not {"readinessProbe", "startupProbe"} & spec.keys(),
        )

    def _common_order(
        self, room: Room, pod: Mapping[str, Any], values: Mapping[str, str]
    ) -> dict[str, Any]:
        spec = self.facts.spec
        shared = pod["spec"].get("securityContext") or {}
        own = {**shared, **(spec.get("securityContext") or {})}
        groups = [*shared.get("supplementalGroups", ()), shared.get("fsGroup")]
        limits = (spec.get("resources") or {}).get("limits") or {}
        moved = room.inside(values.values())
        user = own.get("runAsUser", room.pulled.image.user)
        if own.get("runAsNonRoot") and user == 0:
            raise Unfit("container has runAsNonRoot and image will run as root")
        return {
            "hostname": pod["metadata"]["name"],
            "env": dict(zip(values, moved, strict=True)),
            "cwd": room.workdir(spec.get("workingDir", "")),
            "uid": user,
            "gid": own.get("runAsGroup", room.pulled.image.group),
            "groups": [group for group in groups if group is not None],
            "memory": as_bytes(str(limits.get("memory", "0"))),
        }

    async def _spawn(self, argv: list[str], plan: Plan | None) -> None:
        spec = self.facts.spec
        wants_stdin = bool(spec.get("stdin"))
        if spec.get("tty"):
            streams = stdio.terminal(stdin=wants_stdin)
        else:
            streams = stdio.pipes(stdin=wants_stdin, stdout=True, stderr=True)
        self.previous, self.log = self.log, Log()
        facts: dict[str, Any] = {
            "container_id": f"loopback://{secrets.token_hex(32)}",
            "user": self._order["uid"],
            "groups": (self._order["gid"], *self._order["groups"]),
        }
        self.facts = replace(self.facts, **facts)
        order = {
            **self._order,
            "argv": argv,
            "joins": 0,
            "plan": plan,
            "tty": streams.tty,
        }
        try:
            self.process = await self._runtime.spawn(order, streams.theirs)
        except BaseException:
            streams.close()
            raise
        self._stdio = streams
        self.stdin = stdio.Feed(streams) if wants_stdin else None

    async def finish(self) -> None:
        """Wait for the end of the run, and keep its output meanwhile."""
        process, streams = self.process, self._stdio
        if process is None or streams is None or self.log is None:
            return
        async with anyio.create_task_group() as tasks:
            if self.stdin:
                tasks.start_soon(self.stdin.run)
            async with anyio.create_task_group() as output:
                output.start_soon(self._keep_output, 1, streams.stdout)
                output.start_soon(self._keep_output, 2, streams.stderr)
                await process.ended.wait()
                # All that could write is dead, except for what a machine without PID
                # namespaces let go.
                output.cancel_scope.deadline = anyio.current_time() + 1
            tasks.cancel_scope.cancel()
        self._end(process, streams)

    def _end(self, process: Process, streams: stdio.Stdio) -> None:
        streams.close()
        self._stdio, self.stdin, self.process = None, None, None
        if self.log:
            self.log.end()
        for listener in tuple(self.listeners):
            listener(1, b"")
            listener(2, b"")
        started = self.facts.state
        reason = (
            "OOMKilled" if process.oom else "Error" if process.code else "Completed"
        )
        end = Terminated(
            process.code,
            reason,
            started.started_at if isinstance(started, Running) else now(),
            now(),
            self.facts.container_id,
        )
        self.facts = ended(self.facts, end)
        self._changed()

    async def _keep_output(self, channel: int, fd: int | None) -> None:
        while fd is not None and self.log and (data := await stdio.read(fd)):
            self.log.feed(channel, data)
            for listener in tuple(self.listeners):
                listener(channel, data)

    async def stop(self, grace_s: float) -> None:
        """Ask the first process to end; end it when the grace is over."""
        if process := self.process:
            process.kill(signal.SIGTERM)
            with anyio.move_on_after(grace_s):
                await process.ended.wait()
            process.kill()

    async def exec(self, argv: Sequence[str], streams: stdio.Stdio) -> Exec:
        """Start another process in the running container.

        Raises:
            StartFailed: If that cannot be; `streams` are closed then.
        """
        if self.process is None or self._room is None:
            streams.close()
            for fd in streams.theirs:
                os.close(fd)
            raise StartFailed("container not running")
        order = {
            **self._order,
            "env": self._order["env"] | ({"TERM": "xterm"} if streams.tty else {}),
            "argv": self._room.inside(argv),
            "joins": self.process.id,
            "plan": None,
            "tty": streams.tty,
            "memory": 0,
        }
        try:
            process = await self._runtime.spawn(order, streams.theirs)
        except BaseException:
            streams.close()
            raise
        self.execs = {other for other in self.execs if not other.ended.is_set()}
        self.execs.add(process)
        return Exec(process, streams)

    async def run(self, argv: Sequence[str]) -> tuple[int, bytes]:
        """Run a command in the container; return its exit code and output."""
        try:
            started = await self.exec(
                argv, stdio.pipes(stdin=False, stdout=True, stderr=True)
            )
        except StartFailed as error:
            return 128, str(error).encode()
        streams = started.stdio
        output: list[bytes] = []

        async def collect(fd: int | None) -> None:
            while fd is not None and (data := await stdio.read(fd)):
                output.append(data)

        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(collect, streams.stdout)
                tasks.start_soon(collect, streams.stderr)
            await started.process.ended.wait()
        finally:
            started.process.kill()
            streams.close()
        return started.process.code, b"".join(output)

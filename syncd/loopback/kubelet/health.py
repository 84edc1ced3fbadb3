"""What follows from a container's probes: started, ready, or killed."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio

from syncd.loopback.kubelet import probes
from syncd.loopback.kubelet.container import Container


Say = Callable[[str, str, str], None]
"""Takes the type, the reason and the message of an event."""

_ENDING_S = 0.05


class Health:
    """Asks the probes of a running container."""

    def __init__(
        self, container: Container, *, host: str, grace_s: float, say: Say
    ) -> None:
        self._container = container
        self._host = host
        self._grace_s = grace_s
        self._say = say

    async def watch(self) -> None:
        """Ask, and act on the answers; runs until cancelled, or there are no probes."""
        spec = self._container.facts.spec
        if probe := spec.get("startupProbe"):
            await self._await_startup(probe)
        async with anyio.create_task_group() as tasks:
            if probe := spec.get("readinessProbe"):
                tasks.start_soon(self._watch, probe, self._ready)
            if probe := spec.get("livenessProbe"):
                tasks.start_soon(self._watch, probe, self._alive)

    async def _watch(
        self,
        probe: Mapping[str, Any],
        report: Callable[[str | None], Awaitable[None]],
    ) -> None:
        ports = self._container.facts.spec.get("ports", ())
        named = {
            port["name"]: port["containerPort"] for port in ports if "name" in port
        }

        async def once() -> str | None:
            run = self._container.run
            trouble = await probes.ask(probe, host=self._host, ports=named, run=run)
            if trouble is not None:
                await self._disregard_if_ending()
            return trouble

        await probes.watch(probe, once, report)

    async def _disregard_if_ending(self) -> None:
        """Never return if the container ends just now: that is said in another way."""
        process = self._container.process
        with anyio.move_on_after(_ENDING_S):
            if process:
                await process.ended.wait()
        if process is None or process.ended.is_set():
            await anyio.sleep_forever()  # until the probes are cancelled, at once

    async def _await_startup(self, probe: Mapping[str, Any]) -> None:
        with anyio.CancelScope() as scope:

            async def report(trouble: str | None) -> None:
                if trouble is not None:
                    await self._condemn("Startup", trouble)
                    return
                ready = "readinessProbe" not in self._container.facts.spec
                self._container.set(started=True, ready=ready)
                scope.cancel()

            await self._watch(probe, report)

    async def _ready(self, trouble: str | None) -> None:
        good = trouble is None
        if not good:
            self._say("Warning", "Unhealthy", f"Readiness probe failed: {trouble}")
        if good != self._container.facts.ready:
            self._container.set(ready=good)

    async def _alive(self, trouble: str | None) -> None:
        if trouble is not None:
            await self._condemn("Liveness", trouble)

    async def _condemn(self, kind: str, trouble: str) -> None:
        name = self._container.facts.name
        self._say("Warning", "Unhealthy", f"{kind} probe failed: {trouble}")
        failed = f"Container {name} failed {kind.lower()} probe, will be restarted"
        self._say("Normal", "Killing", failed)
        await self._container.stop(self._grace_s)

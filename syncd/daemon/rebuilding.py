"""A target's build inputs watched, and its image kept the one that they ask for."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from syncd import events
from syncd.cluster import Api, TargetSpec
from syncd.config import Target, Watch
from syncd.daemon import rules
from syncd.daemon.fleet import Fleet
from syncd.errors import ConfigError, Halted, SyncdError, TransportError
from syncd.ignore import Ignore
from syncd.rebuild.inputs import Look
from syncd.rebuild.rebuild import Rebuild
from syncd.watch import Hints, Quiet, Watched, watch


_PAUSE_S = 5.0  # before an API server that did not answer is asked again


class Rebuilding:
    """Follows the inputs of one target's image.

    Args:
        target: What the settings say of it.
        spec: Its workload.
        api: The cluster.
        fleet: Its replicas.
        project: The folder that relative paths start from.
        watching: How changes are waited for.
        emit: Where events go.
    """

    def __init__(
        self,
        target: Target,
        spec: TargetSpec,
        api: Api,
        fleet: Fleet,
        project: Path,
        watching: Watch,
        emit: events.Emit,
    ) -> None:
        settings = target.rebuild
        assert settings is not None

        def made_up_for(path: str) -> bool:
            return rules.makes_up_for(target, settings.context / path)

        self._rebuild = Rebuild(api, spec, settings, project, fleet, emit, made_up_for)
        self._target = str(spec)
        self._fleet = fleet
        self._settings = watching
        self._emit = emit
        self._pulse = fleet.pulse
        self._turning = False
        self._looking = anyio.Lock()
        self._look: Look | None = None
        self._edited: set[str] = set()
        self._detected_at_s = self._looked_at_s = 0.0
        self._wanted = ""  # the digest that is being brought about
        self._wake = anyio.Event()
        self._watch_scope = anyio.CancelScope()
        self._told = ""

    async def run(self) -> None:
        """Rebuild whenever the inputs ask for it, until cancelled.

        Raises:
            ConfigError: If the rules of a folder of the inputs make no sense.
            Halted: If the context has come to point to another cluster.
        """
        self._detected_at_s = self._looked_at_s = anyio.current_time()
        self._look = await to_thread.run_sync(self._rebuild.inputs.look)
        self._wake.set()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch)
            while True:
                await self._wake.wait()
                self._wake, self._turning = anyio.Event(), True
                await self._turn()
                self._turning = False
                self._pulse.beat()

    async def settle(self) -> None:
        """Return when nothing is left to do for the inputs as they are at the call.

        That the image then is the one they ask for is not said: it may have failed.
        """
        await self._pulse.until(lambda: self._look is not None)
        await self._look_again(anyio.current_time())
        await self._pulse.until(lambda: not (self._turning or self._wake.is_set()))

    # --- what is to be done -----------------------------------------------------

    async def _turn(self) -> None:
        """Decide on the last look, and carry out what follows."""
        look, edited = self._look, frozenset(self._edited)
        assert look is not None
        self._edited.clear()
        try:
            order = await self._rebuild.decide(
                look, edited, self._detected_at_s, self._looked_at_s
            )
        except Halted:
            raise
        except SyncdError as error:
            self._edited |= edited
            await self._wait_to_ask_again(error)
            return
        self._told = ""
        if order is not None:
            self._wanted = look.identity.digest
            ended = await self._rebuild.carry_out(order)
            self._wanted = ""
            if not ended:
                self._wake.set()

    async def _wait_to_ask_again(self, error: SyncdError) -> None:
        if isinstance(error, TransportError):
            # It is told by whoever follows the Pods.
            with anyio.move_on_after(_PAUSE_S):
                await self._wake.wait()
        else:
            if str(error) != self._told:
                self._told = str(error)
                self._emit(
                    events.RebuildWarned(
                        target=self._target, reason=str(error), hint=error.hint
                    )
                )
            await _any_of(self._wake.wait, self._fleet.changed)
        self._wake.set()

    # --- what is seen -------------------------------------------------------------

    async def _watch(self) -> None:
        """Watch the folders where inputs are, or may come to be."""
        roots: list[Watched] = []
        while True:
            assert self._look is not None
            folders = sorted(self._look.folders)
            try:
                roots = await to_thread.run_sync(_watched, folders)
            except ConfigError as error:
                if not roots:
                    raise
                self._emit(events.Failed(message=str(error), hint=error.hint))
            with anyio.CancelScope() as self._watch_scope:
                await self._listen(roots)

    async def _listen(self, roots: Sequence[Watched]) -> None:
        settings = self._settings
        quiet = Quiet(settings.quiet_ms, settings.burst_ms, settings.cap_ms)
        send, receive = anyio.create_memory_object_stream[Hints](1)
        looking = partial(
            watch, roots, send, self._emit, quiet=quiet, poll=settings.poll
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(looking)
            with receive:
                async for hints in receive:
                    await self._look_again(hints.at)

    async def _look_again(self, detected_at_s: float) -> None:
        async with self._looking:
            await self._take_look(detected_at_s)

    async def _take_look(self, detected_at_s: float) -> None:
        started_s, before = anyio.current_time(), self._look
        look = await to_thread.run_sync(self._rebuild.inputs.look)
        assert before is not None
        self._look = look
        if look.is_newer_than(before) and look.inputs:
            self._edited.update(look.edited_since(before))
            self._detected_at_s, self._looked_at_s = detected_at_s, started_s
            if self._wanted and self._wanted != look.identity.digest:
                self._rebuild.supersede()
            self._wake.set()
        if look.folders != before.folders:
            self._watch_scope.cancel()


def _watched(folders: Sequence[Path]) -> list[Watched]:
    """Return what is to be watched: what stands in each folder, and nothing below."""
    return [
        Watched(folder, Ignore.load(folder, ("!*", "*/"), origin="rebuild"))
        for folder in folders
    ]


async def _any_of(*waits: Callable[[], Awaitable[None]]) -> None:
    async with anyio.create_task_group() as tasks:

        async def wait(for_: Callable[[], Awaitable[None]]) -> None:
            await for_()
            tasks.cancel_scope.cancel()

        for each in waits:
            tasks.start_soon(wait, each)

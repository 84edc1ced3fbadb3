"""The orchestrator: one task group that owns the life of everything below.

    folder ──edit──▶ fleet ──nudge──▶ session ──▶ container
                       ▲
    follow ──view──────┘

Folders are scanned while the cluster is being reached; neither waits for the other.
"""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial

import anyio
from anyio.abc import TaskGroup

from syncd import __version__, control, errors, events
from syncd.cluster import Api
from syncd.config import Settings
from syncd.control import Claim, Hub
from syncd.daemon import rules
from syncd.daemon.desk import Desk
from syncd.daemon.diary import Diary
from syncd.daemon.folder import Edit, Folder
from syncd.daemon.live import LiveTarget
from syncd.daemon.once import Once
from syncd.daemon.pulse import Pulse
from syncd.daemon.reach import reach
from syncd.daemon.watching import Watching
from syncd.errors import SyncdError
from syncd.session import Patience


_PATIENCE = Patience()


async def run(
    settings: Settings,
    emit: events.Emit,
    *,
    once_s: float | None = None,
    patience: Patience = _PATIENCE,
    claim: Claim | None = None,
) -> int:
    """Keep every target in step until cancelled; with `once_s`, until all are.

    Args:
        settings: What to sync, and where to.
        emit: Where events go.
        once_s: End when every replica was made equal, and what follows from it has run.
            This is how long that may take, but for the commands of `run` rules.
        patience: How long a stream may be silent.
        claim: Where to answer those who ask; None for nowhere.

    Returns:
        0; with `once_s`, 1 if some path could not be made equal, or a command failed.

    Raises:
        SyncdError: At the start, or with `once_s`; after that syncd outlives breaks.
    """
    error: SyncdError | None = None
    try:
        return await _Daemon(settings, emit, patience, claim).run(once_s)
    except* SyncdError as group:
        error = errors.first(group)
    raise error


class _Daemon:
    def __init__(
        self,
        settings: Settings,
        emit: events.Emit,
        patience: Patience,
        claim: Claim | None,
    ) -> None:
        self._settings = settings
        self._patience = patience
        self._claim = claim
        self._emit = self._hub = Hub(emit)
        self._pulse = Pulse()
        self._scope = anyio.CancelScope()
        self._desk: Desk | None = None
        self._batches = 0
        self._closing = ExitStack()
        self._started_s = anyio.current_time()

    async def run(self, once_s: float | None) -> int:
        with self._closing, self._scope:
            return await self._run(once_s)
        return 0  # told to stop

    async def _run(self, once_s: float | None) -> int:
        async with anyio.create_task_group() as tasks:
            if self._claim is not None:
                await self._answer(self._claim, tasks)
            folders: list[list[Folder]] = []
            scanned = anyio.Event()
            tasks.start_soon(self._scan, folders, scanned)
            async with reach(self._settings) as api:
                self._say_started(api)
                await scanned.wait()
                code = await self._follow(api, folders, once_s)
            tasks.cancel_scope.cancel()
        return code

    async def _answer(self, claim: Claim, tasks: TaskGroup) -> None:
        """Answer at the control socket, from now on."""
        diary = Diary()
        self._hub.listen(diary.take)
        self._hub.listen(lambda _: self._pulse.beat())
        self._desk = Desk(claim.record, diary, self._pulse, self._stop)
        serve = partial(control.serve, claim.socket, self._desk, self._hub, os.getuid())
        await tasks.start(serve)

    def _stop(self) -> None:
        self._emit(
            events.Stopped(reason="told to, by syncd stop", batches=self._batches)
        )
        self._scope.cancel()

    async def _follow(
        self, api: Api, folders: Sequence[Sequence[Folder]], once_s: float | None
    ) -> int:
        """Follow every target; whoever uses the API has ended before it is closed."""
        code = 0
        async with anyio.create_task_group() as tasks:
            live = [
                LiveTarget(
                    target,
                    folders[index],
                    api,
                    tasks,
                    self._emit,
                    self._patience,
                    self._pulse,
                )
                for index, target in enumerate(self._settings.targets)
            ]
            for target in live:
                self._closing.callback(target.close)
                target.start(tasks)
            watching = self._watching(live, folders)
            if once_s is None:
                await self._watch(api, live, watching, tasks)
            else:
                code = await self._once(live, watching, once_s, tasks)
                tasks.cancel_scope.cancel()
        return code

    async def _scan(self, folders: list[list[Folder]], scanned: anyio.Event) -> None:
        for target in self._settings.targets:
            opened = [
                await Folder.open(
                    sync.local,
                    rules.ignored(target, sync),
                    self._emit,
                    project=self._settings.project,
                )
                for sync in target.sync
            ]
            folders.append(opened)
        scanned.set()

    def _watching(
        self, live: Sequence[LiveTarget], folders: Sequence[Sequence[Folder]]
    ) -> Watching:
        """Return what watches every folder, each edit of which is a batch."""
        places = [(i, j) for i, some in enumerate(folders) for j in range(len(some))]

        def spread(index: int, edit: Edit) -> None:
            target, root = places[index]
            self._batches += 1
            live[target].fleet.spread(root, edit, self._batches)

        flat = [folders[target][root] for target, root in places]
        return Watching(flat, self._settings.watch, self._emit, spread, self._pulse)

    async def _once(
        self,
        live: Sequence[LiveTarget],
        watching: Watching,
        limit_s: float,
        tasks: TaskGroup,
    ) -> int:
        """Bring every replica in step, and return the exit code."""
        tasks.start_soon(watching.read_again)
        once = Once(live, watching, self._pulse, limit_s)
        self._hub.listen(once.hear)
        failed_paths = await once.until_in_step()
        if not failed_paths:
            self._say_in_step(live)
        await once.until_ran()
        return 1 if failed_paths or once.failed_commands else 0

    async def _watch(
        self,
        api: Api,
        live: Sequence[LiveTarget],
        watching: Watching,
        tasks: TaskGroup,
    ) -> None:
        """Bring every replica in step, and keep them so until cancelled."""
        settings, project = self._settings.watch, self._settings.project
        tasks.start_soon(watching.run)
        for target in live:
            target.keep_image(tasks, project, settings)
            target.keep_warm(tasks)
        if self._desk is not None:
            self._desk.open(api, live, watching, lambda: self._batches)
        for target in live:
            await target.until_in_step()
        self._say_in_step(live)
        await anyio.sleep_forever()

    def _say_started(self, api: Api) -> None:
        self._emit(
            events.Started(
                version=__version__,
                project=str(self._settings.project),
                context=api.context,
                server=api.server,
                targets=tuple(target.title for target in self._settings.targets),
            )
        )

    def _say_in_step(self, live: Sequence[LiveTarget]) -> None:
        self._emit(
            events.InStep(
                replicas=sum(len(target.fleet.sessions) for target in live),
                since_start_ms=(anyio.current_time() - self._started_s) * 1000,
            )
        )

"""One target while syncd runs: its folders here tied to its replicas there."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream

from syncd import events
from syncd.cluster import (
    Api,
    ContainerLog,
    Probe,
    Replica,
    TargetSpec,
    View,
    follow,
)
from syncd.config import RunRule, Sync, Target, Watch
from syncd.daemon import rules
from syncd.daemon.fleet import Fleet
from syncd.daemon.folder import Folder
from syncd.daemon.injecting import AdviseOnce, keep_injected
from syncd.daemon.owned import Owned
from syncd.daemon.pulse import Pulse
from syncd.daemon.reach import spec_of
from syncd.daemon.rebuilding import Rebuilding
from syncd.session import Patience, Root, Session, Ways, dial


LOG_TAIL = 1000  # lines in which a server's start is looked for


class LiveTarget:
    """Follows a target's Pods and tells their sessions of every edit.

    Args:
        target: What the settings say of it.
        folders: Its sync roots, scanned, in the order of the settings.
        api: The cluster.
        tasks: Where everything runs.
        emit: Where events go.
        patience: How long a stream may be silent.
        pulse: Beats whenever something in its sessions changed.

    Attributes:
        fleet: Its replicas.
        rebuilding: Keeps its image, once that was asked for; else None.

    Raises:
        ConfigError: If the workload is none that can be followed.
    """

    def __init__(
        self,
        target: Target,
        folders: Sequence[Folder],
        api: Api,
        tasks: TaskGroup,
        emit: events.Emit,
        patience: Patience,
        pulse: Pulse,
    ) -> None:
        self._target = target
        self._api = api
        self._emit = emit = AdviseOnce(emit)
        self.rebuilding: Rebuilding | None = None
        self._spec = spec_of(target, api)
        self._owned = [self._owned_at(sync) for sync in target.sync]
        roots = [
            Root(
                local=bytes(folder.path),
                remote=sync.remote,
                tree=folder.tree,
                content=folder.content,
                ignored=folder.ignored,
                look_again=folder.look_again,
                plan=rules.plan(target.rules),
                owned=owned,
                whole=target.mode == "one-way-replica",
            )
            for sync, folder, owned in zip(
                target.sync, folders, self._owned, strict=True
            )
        ]

        def ways(replica: Replica) -> Ways:
            return Ways(
                dial=partial(dial, api, replica, roots, patience),
                log=partial(ContainerLog, api, replica, LOG_TAIL),
                patterns=rules.patterns(target),
                probe=partial(self._probe, replica),
                doubt=api.watches.doubt,
                landed=pulse.beat,
            )

        self.fleet = Fleet(target.title, roots, ways, tasks, emit, pulse)

    @property
    def namespace(self) -> str:
        """Where its Pods are."""
        return self._spec.namespace

    @property
    def spec(self) -> TargetSpec:
        """What its Pods are chosen by."""
        return self._spec

    @property
    def commands_s(self) -> float:
        """How long the commands of its rules may take, one after the other."""
        rules_ = self._target.rules
        return sum(rule.timeout_s for rule in rules_ if isinstance(rule, RunRule))

    def start(self, tasks: TaskGroup) -> None:
        """Follow the Pods for as long as `tasks` lives."""
        send, receive = anyio.create_memory_object_stream[View](1)
        tasks.start_soon(follow, self._api, self._spec, send, self._emit)
        tasks.start_soon(self._see, receive)
        tasks.start_soon(self.fleet.tell_when_steady)

    def keep_image(self, tasks: TaskGroup, project: Path, watching: Watch) -> None:
        """Keep the image the one that its inputs ask for, if the settings want that.

        Args:
            tasks: For how long.
            project: The folder that relative paths start from.
            watching: How changes of the inputs are waited for.
        """
        if self._target.rebuild is not None:
            self.rebuilding = Rebuilding(
                self._target,
                self._spec,
                self._api,
                self.fleet,
                project,
                watching,
                self._emit,
            )
            tasks.start_soon(self.rebuilding.run)

    def keep_warm(self, tasks: TaskGroup) -> None:
        """Have the program run under the warm reloader, if the settings want that."""
        settings = self._target.reloader
        if settings is not None and settings.inject:
            api, spec, emit = self._api, self._spec, self._emit
            roots = [sync.remote for sync in self._target.sync]
            tasks.start_soon(
                keep_injected, api, spec, settings, roots, self.fleet, emit
            )

    async def until_in_step(self) -> None:
        """Wait until there is a replica, and each holds the local tree."""
        await self.fleet.until(_in_step)

    def close(self) -> None:
        """Close what is kept open of syncd's own state."""
        for owned in self._owned:
            owned.close()

    def _owned_at(self, sync: Sync) -> Owned:
        spec = self._spec
        place = (self._api.server, spec.namespace, str(spec), spec.container or "")
        return Owned.of(self._emit, *place, str(sync.local), sync.remote)

    def _probe(self, replica: Replica) -> Probe | None:
        """Return a container's probe as its Pod is now: its address may have changed."""
        there = self.fleet.view.replicas if self.fleet.view else ()
        place = (replica.uid, replica.container)
        now = (each for each in there if (each.uid, each.container) == place)
        return next(now, replica).probe

    async def _see(self, views: MemoryObjectReceiveStream[View]) -> None:
        with views:
            async for view in views:
                self.fleet.see(view)


def _in_step(sessions: Sequence[Session]) -> bool:
    return bool(sessions) and all(session.in_step.is_set() for session in sessions)

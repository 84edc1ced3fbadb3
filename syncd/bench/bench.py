"""The measuring: edits by every mode in turn, each looked at until it is served."""

import secrets
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from syncd.bench import choosing, copies, edits, place as places
from syncd.bench.inside import run_in
from syncd.bench.modes import Account, Daemon, Local, Mode
from syncd.bench.modes.syncd import restore
from syncd.bench.place import Place
from syncd.bench.plan import Plan
from syncd.bench.samples import Costs, Result, Sample
from syncd.bench.split import split
from syncd.bench.stats import rounds
from syncd.config import Settings
from syncd.errors import SyncdError, TargetError
from syncd.tree import Tree


_RESTORE_S = 30.0

Progress = Callable[[Sample], None]


async def run(settings: Settings, plan: Plan, progress: Progress) -> Result:
    """Measure on the target of `settings`, and leave it in step with its folder.

    Args:
        settings: The first target with a folder that has the file is taken.
        plan: What to measure.
        progress: Told of every sample.

    Raises:
        SyncdError: If a mode cannot even begin.
    """
    for mode in plan.modes:
        choosing.check(mode)
    sole = copies.sole(settings, plan.file)
    ((sync,),) = (target.sync for target in sole.targets)
    await _subject(sync.local, plan)  # refused before anything is touched
    environment = places.machine()
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as scratch:
        async with places.find(sole, plan.url) as place:
            measuring = _Measuring(place, plan, Path(scratch), progress)
            try:
                result = await measuring.run()
            finally:
                if plan.restores:
                    await _restore(place, Path(scratch))
    facts = {**environment, **place.facts, **measuring.facts}
    return Result(
        environment=facts,
        pattern=plan.pattern,
        samples=result,
        costs=measuring.costs,
    )


async def _subject(folder: Path, plan: Plan) -> edits.Subject:
    make = partial(edits.Subject.of, folder, plan.file, plan.marker)
    return await to_thread.run_sync(make, plan.pattern, plan.numbers)


async def _restore(place: Place, scratch: Path) -> None:
    with anyio.move_on_after(_RESTORE_S, shield=True) as limit:
        for replica in place.replicas:
            await run_in(place.api, replica, edits.removal(place.remote))
        await restore(place.settings, scratch)
    if limit.cancelled_caught:
        raise TargetError(
            f"the target was not brought back within {_RESTORE_S:g} s",
            hint="bring it back in step with syncd sync",
        )


class _Measuring:
    def __init__(
        self, place: Place, plan: Plan, scratch: Path, progress: Progress
    ) -> None:
        self._place = place
        self._plan = plan
        self._scratch = scratch
        self._progress = progress
        self._token = secrets.token_hex(3)
        self._subjects: dict[str, edits.Subject] = {}
        self.costs = Costs()
        self.facts = {"url": str(place.endpoint)}

    async def run(self) -> list[Sample]:
        """Measure; return all samples, warm-up included."""
        samples = []
        numbers = self._plan.numbers
        async with self._running() as modes:
            for number, order in zip(numbers, rounds(modes, len(numbers)), strict=True):
                if number == self._plan.warmup:
                    for daemon in _daemons(modes):
                        await daemon.begin()
                for mode in order:
                    sample = await self._sample(mode, number)
                    samples.append(sample)
                    self._progress(sample)
            for daemon in _daemons(modes):
                self.costs = await daemon.costs()
        return samples

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[list[Mode], None]:
        (target,) = self._place.settings.targets
        tree = await copies.synced(target, target.sync[0])
        modes = []
        async with AsyncExitStack() as stack:
            for said in self._plan.modes:
                name = said.partition("=")[0]
                subject = await self._folder(name, target.sync[0].local, tree)
                self._subjects[name] = subject
                ground = choosing.Ground(
                    self._place, self._plan, subject, self._scratch
                )
                mode = choosing.mode(said, ground)
                if isinstance(mode, Local):
                    self.facts["local runs"] = mode.command
                await stack.enter_async_context(mode.running())
                modes.append(mode)
            yield modes

    async def _folder(self, name: str, source: Path, tree: Tree) -> edits.Subject:
        """Return what a mode edits: in a copy, ready, or in the folder of an `Attached`."""
        if self._plan.attach and name == choosing.DAEMON:
            return await _subject(source, self._plan)
        folder = self._scratch / name / source.name
        await to_thread.run_sync(copies.copy, source, tree, folder)
        subject = await _subject(folder, self._plan)
        await subject.prepare()
        return subject

    async def _sample(self, mode: Mode, number: int) -> Sample:
        marker = f"syncd-bench-{self._token}-{mode.name}-{number}"
        await mode.rest()
        edit = await self._subjects[mode.name].make(number, marker)
        look = _Look(mode, edit)
        await look.run(self._plan.timeout_s)
        warmup = number < self._plan.warmup
        if look.served_s is None:
            return Sample(
                mode=mode.name,
                number=number,
                warmup=warmup,
                failed=look.failed or f"not served within {self._plan.timeout_s:g} s",
                changed_bytes=edit.size,
            )
        account = await mode.account(edit, look.account)
        applied_s = account.ends.get("applied")
        return Sample(
            mode=mode.name,
            number=number,
            warmup=warmup,
            total_ms=(look.served_s - edit.saved_s) * 1000,
            applied_ms=(applied_s - edit.saved_s) * 1000 if applied_s else None,
            steps=split(edit.saved_s, look.served_s, account.ends),
            batch=account.batch,
            changed_bytes=edit.size,
            sent_bytes=account.sent_bytes,
            cpu_s=account.cpu_s,
            agent_cpu_s=account.agent_cpu_s,
        )


def _daemons(modes: Iterable[Mode]) -> list[Daemon]:
    return [mode for mode in modes if isinstance(mode, Daemon)]


class _Look:
    """One edit on its way: pushed and looked for at the same time."""

    def __init__(self, mode: Mode, edit: edits.Edit) -> None:
        self._mode = mode
        self._edit = edit
        self.served_s: float | None = None
        self.account = Account()
        self.failed = ""

    async def run(self, timeout_s: float) -> None:
        with anyio.move_on_after(timeout_s) as scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._push, scope)
                served = await self._mode.served(self._edit.marker)
                self.served_s = served

    async def _push(self, scope: anyio.CancelScope) -> None:
        try:
            self.account = await self._mode.push(self._edit)
        except SyncdError as error:
            self.failed = str(error)
            scope.cancel()

"""The measuring: edits by every mode in turn, each looked at until it is served."""

import secrets
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from syncd.bench import choosing, copies, edits
from syncd.bench.modes import Account, Daemon, Local, Mode
from syncd.bench.place import Place
from syncd.bench.plan import Plan
from syncd.bench.samples import Costs, Sample
from syncd.bench.split import split
from syncd.bench.stats import rounds
from syncd.errors import SyncdError
from syncd.tree import Tree


Progress = Callable[[Sample], None]


@dataclass(slots=True)
class Notes:
    """What has been found out so far, whatever comes next.

    Attributes:
        samples: In the order they were taken, warm-up included.
        facts: What is worth knowing of where it ran.
        costs: Once it is over.
    """

    samples: list[Sample] = field(default_factory=list)
    facts: dict[str, str] = field(default_factory=dict)
    costs: Costs = field(default_factory=Costs)


async def subject_of(folder: Path, plan: Plan) -> edits.Subject:
    """Return what is edited in `folder`.

    Raises:
        ConfigError: If it cannot be.
    """
    make = partial(edits.Subject.of, folder, plan.file, plan.marker)
    return await to_thread.run_sync(make, plan.pattern, plan.numbers)


class Measuring:
    """A run of edits.

    Args:
        place: Where.
        plan: What.
        scratch: A folder for the copies.
        notes: Where what is found goes, as it is found.
        progress: Told of every sample.
    """

    def __init__(
        self, place: Place, plan: Plan, scratch: Path, notes: Notes, progress: Progress
    ) -> None:
        self._place = place
        self._plan = plan
        self._scratch = scratch
        self._notes = notes
        self._progress = progress
        self._token = secrets.token_hex(3)
        self._subjects: dict[str, edits.Subject] = {}

    async def run(self) -> None:
        """Measure.

        Raises:
            SyncdError: If a mode cannot even begin, or does not end well.
        """
        numbers = self._plan.numbers
        async with self._running() as modes:
            for number, order in zip(numbers, rounds(modes, len(numbers)), strict=True):
                if number == self._plan.warmup:
                    for daemon in _daemons(modes):
                        await daemon.begin()
                for mode in order:
                    sample = await self._sample(mode, number)
                    self._notes.samples.append(sample)
                    self._progress(sample)
            for daemon in _daemons(modes):
                self._notes.costs = await daemon.costs()

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
                    self._notes.facts["local runs"] = mode.command
                await stack.enter_async_context(mode.running())
                modes.append(mode)
            yield modes

    async def _folder(self, name: str, source: Path, tree: Tree) -> edits.Subject:
        """Return what a mode edits: in a copy, ready, or in the folder of an `Attached`."""
        if self._plan.attach and name == choosing.DAEMON:
            return await subject_of(source, self._plan)
        folder = self._scratch / name / source.name
        await to_thread.run_sync(copies.copy, source, tree, folder)
        subject = await subject_of(folder, self._plan)
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

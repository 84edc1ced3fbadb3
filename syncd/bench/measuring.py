"""The measuring: edits by every mode in turn, each looked at until it is served."""

import secrets
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from syncd.bench import choosing, copies, edits
from syncd.bench.modes import Account, Daemon, Ended, Local, Mode
from syncd.bench.place import Place
from syncd.bench.plan import Plan
from syncd.bench.samples import Costs, Sample
from syncd.bench.split import split
from syncd.bench.stats import rounds
from syncd.cluster.tasks import task_group
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
        self._ended: dict[str, str] = {}

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
        sample = Sample(
            mode=mode.name, number=number, warmup=number < self._plan.warmup
        )
        if reason := self._ended.get(mode.name):
            return replace(sample, failed=reason)
        marker = f"syncd-bench-{self._token}-{mode.name}-{number}"
        await mode.rest()
        edit = await self._subjects[mode.name].make(number, marker)
        look = _Look(mode, edit)
        await look.run(self._plan.timeout_s)
        account = await mode.account(edit, look.account)
        if isinstance(look.error, Ended):
            self._ended[mode.name] = str(look.error)
        applied_s = account.ends.get("applied")
        return replace(
            sample,
            failed=self._failure(look),
            total_ms=_since(edit.saved_s, look.served_s),
            applied_ms=_since(edit.saved_s, applied_s),
            steps=split(edit.saved_s, look.served_s, account.ends),
            batch=account.batch,
            changed_bytes=edit.size,
            sent_bytes=account.sent_bytes,
            cpu_s=account.cpu_s,
            agent_cpu_s=account.agent_cpu_s,
        )

    def _failure(self, look: "_Look") -> str:
        if look.served_s is not None:
            return ""
        return str(look.error or f"not served within {self._plan.timeout_s:g} s")


def _since(saved_s: float, at_s: float | None) -> float | None:
    return None if at_s is None else (at_s - saved_s) * 1000


def _daemons(modes: Iterable[Mode]) -> list[Daemon]:
    return [mode for mode in modes if isinstance(mode, Daemon)]


class _Look:
    """One edit on its way: pushed and looked for at the same time.

    Attributes:
        served_s: When its marker was served; None if it was not.
        account: What the mode told of pushing it.
        error: What came in between.
    """

    def __init__(self, mode: Mode, edit: edits.Edit) -> None:
        self._mode = mode
        self._edit = edit
        self.served_s: float | None = None
        self.account = Account()
        self.error: SyncdError | None = None

    async def run(self, timeout_s: float) -> None:
        """Do both, for so long, or until the mode can bring nothing any more."""
        with anyio.move_on_after(timeout_s):
            try:
                async with task_group() as tasks:
                    tasks.start_soon(self._mode.lasts)
                    await self._follow()
                    tasks.cancel_scope.cancel()
            except SyncdError as error:
                self.error = error

    async def _follow(self) -> None:
        async with task_group() as tasks:
            tasks.start_soon(self._push)
            self.served_s = await self._mode.served(self._edit.marker)

    async def _push(self) -> None:
        self.account = await self._mode.push(self._edit)

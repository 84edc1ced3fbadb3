"""The measuring: edits by every mode in turn, each looked at until it is served."""

import secrets
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from anyio import to_thread

from syncd.bench import choosing, copies
from syncd.bench.attempt import Attempt
from syncd.bench.edits import Subject
from syncd.bench.marked import Marked
from syncd.bench.modes import Daemon, Ended, Local, Mode
from syncd.bench.place import Place
from syncd.bench.plan import Plan
from syncd.bench.samples import Costs, Sample
from syncd.bench.scripted import Scripted
from syncd.bench.stats import rounds
from syncd.config import Settings
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


async def subject_of(
    settings: Settings, plan: Plan, keep: Path | None = None
) -> Subject:
    """Return what is edited in the one folder of `settings`.

    Args:
        settings: Those.
        plan: How it is edited.
        keep: Where what is needed to undo the edits may be kept.

    Raises:
        ConfigError: If it cannot be.
    """
    if plan.edit is not None:
        return Scripted(settings, plan.edit, keep)
    make = partial(Marked.of, copies.local(settings), plan.file, plan.marker)
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
        self._subjects: dict[str, Subject] = {}
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

    async def strays(self) -> set[Path]:
        """Return what edits have made that may be in the containers still."""
        return {p for each in self._subjects.values() for p in await each.strays()}

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[list[Mode], None]:
        tree = (await copies.opened(self._place.settings)).tree
        modes = []
        async with AsyncExitStack() as stack:
            for said in self._plan.modes:
                name = said.partition("=")[0]
                subject = await self._subject(name, tree)
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

    async def _subject(self, name: str, tree: Tree) -> Subject:
        """Return what a mode edits: in a copy, ready, or in the folder of an `Attached`."""
        settings = self._place.settings
        source, own = copies.local(settings), self._scratch / name
        if self._plan.attach and name == choosing.DAEMON:
            return await subject_of(settings, self._plan, own / "kept")
        folder = own / source.name
        await to_thread.run_sync(copies.copy, source, tree, folder)
        subject = await subject_of(copies.moved(settings, folder), self._plan)
        await subject.prepare()
        return subject

    async def _sample(self, mode: Mode, number: int) -> Sample:
        sample = Sample(
            mode=mode.name, number=number, warmup=number < self._plan.warmup
        )
        if reason := self._ended.get(mode.name):
            return replace(sample, failed=reason)
        marker = f"syncd-bench-{self._token}-{mode.name}-{number}"
        attempt = Attempt(mode, self._subjects[mode.name], self._plan.timeout_s)
        await attempt.run(number, marker)
        if isinstance(attempt.error, Ended):
            self._ended[mode.name] = str(attempt.error)
        return attempt.sample(sample)


def _daemons(modes: Iterable[Mode]) -> list[Daemon]:
    return [mode for mode in modes if isinstance(mode, Daemon)]

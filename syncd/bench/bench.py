"""The measuring: edits by every mode in turn, each looked at until it is served."""

import secrets
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from syncd.bench import copies, edits, place as places
from syncd.bench.inside import run_in
from syncd.bench.modes import (
    Account,
    ByCommand,
    ExecTar,
    KubectlCopy,
    Local,
    Mode,
    Rebuild,
    Syncd,
    local_command,
)
from syncd.bench.modes.syncd import restore
from syncd.bench.place import Place
from syncd.bench.samples import Cost, Result, Sample
from syncd.bench.split import split
from syncd.bench.stats import rounds
from syncd.config import Settings
from syncd.errors import ConfigError, SyncdError, TargetError
from syncd.tree import Tree


BUILT_IN = ("syncd", "local", "exec-tar", "kubectl-cp", "rebuild")
_GAP_S = 0.25  # what one mode leaves behind should not be the next one's
_RESTORE_S = 30.0

Progress = Callable[[Sample], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to measure.

    Attributes:
        file: What is edited, relative to the folder.
        marker: The text in it that is replaced.
        modes: Names of `BUILT_IN`, or NAME=COMMAND.
        pattern: One of `edits.PATTERNS`.
        iterations: How many edits of each mode count.
        warmup: How many go before them.
        timeout_s: An edit that is not served by then has failed.
        url: Where the program answers; None for a way through the API server.
        local_command: How the program is run here, with `{port}`; () for the
            container's own command.
        restores: Whether the target is to be in step with its folder afterwards.
    """

    file: Path = Path("main.py")
    marker: str = "hello from myapp"
    modes: tuple[str, ...] = ("syncd", "local", "exec-tar")
    pattern: str = "save"
    iterations: int = 20
    warmup: int = 2
    timeout_s: float = 30.0
    url: str | None = None
    local_command: tuple[str, ...] = ()
    restores: bool = True


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
        if mode not in BUILT_IN and "=" not in mode:
            raise _unknown(mode)
    sole = copies.sole(settings, plan.file)
    ((sync,),) = (target.sync for target in sole.targets)
    await to_thread.run_sync(
        edits.Subject.of, sync.local, plan.file, plan.marker
    )  # refused before anything is touched
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
        cost=measuring.cost,
    )


def _unknown(mode: str) -> ConfigError:
    return ConfigError(
        f"{mode!r} is not a mode",
        hint=f"there are {', '.join(BUILT_IN)}, and NAME=COMMAND",
    )


async def _restore(place: Place, scratch: Path) -> None:
    script = f"rm -f {place.remote}/{edits.PREFIX}*"
    with anyio.move_on_after(_RESTORE_S, shield=True) as limit:
        for replica in place.replicas:
            await run_in(place.api, replica, script)
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
        self.cost: Cost | None = None
        self.facts = {"url": str(place.endpoint)}

    async def run(self) -> list[Sample]:
        """Measure; return all samples, warm-up included."""
        samples = []
        numbers = range(self._plan.warmup + self._plan.iterations)
        async with self._running() as modes:
            for number, order in zip(numbers, rounds(modes, len(numbers)), strict=True):
                if number == self._plan.warmup:
                    self._begin(modes)
                for mode in order:
                    sample = await self._sample(mode, number)
                    samples.append(sample)
                    self._progress(sample)
                    await anyio.sleep(_GAP_S)
            self._end(modes)
        return samples

    @asynccontextmanager
    async def _running(self) -> AsyncGenerator[list[Mode], None]:
        (target,) = self._place.settings.targets
        tree = await copies.synced(target, target.sync[0])
        modes = []
        async with AsyncExitStack() as stack:
            for said in self._plan.modes:
                name, _, command = said.partition("=")
                folder = self._scratch / name / target.sync[0].local.name
                await to_thread.run_sync(
                    partial(self._copy, target.sync[0].local, tree, folder)
                )
                self._subjects[name] = edits.Subject.of(
                    folder, self._plan.file, self._plan.marker
                )
                mode = self._mode(name, command, folder)
                await stack.enter_async_context(mode.running())
                modes.append(mode)
            yield modes

    def _copy(self, source: Path, tree: Tree, folder: Path) -> None:
        copies.copy(source, tree, folder)
        count = self._plan.warmup + self._plan.iterations
        edits.prepare(self._plan.pattern, folder, range(count))

    def _mode(self, name: str, command: str, folder: Path) -> Mode:
        place, endpoint = self._place, self._place.endpoint
        if command:
            return ByCommand(name, endpoint, command, folder, _told(place))
        match name:
            case "syncd":
                moved = copies.moved(place.settings, folder)
                return Syncd(endpoint, moved, self._scratch)
            case "local":
                command_here = self._local_command()
                self.facts["local runs"] = " ".join(command_here)
                return Local(command_here, endpoint.path, folder)
            case "exec-tar":
                return ExecTar(endpoint, place.api, place.replicas, place.remote)
            case "kubectl-cp":
                options = _kubectl_options(place)
                return KubectlCopy(endpoint, options, place.replicas, place.remote)
            case "rebuild":
                return Rebuild(place, place.port(), folder, self._scratch)
            case _:
                raise _unknown(name)

    def _local_command(self) -> tuple[str, ...]:
        command = self._plan.local_command or local_command(self._place.serves)
        if command is None:
            raise ConfigError(
                "how to run the program here is not known: the container runs"
                f" {' '.join(self._place.serves) or 'something unknown'}",
                hint="say it with --local-command, with {port} where its port stands",
            )
        return command

    async def _sample(self, mode: Mode, number: int) -> Sample:
        marker = f"syncd-bench-{self._token}-{mode.name}-{number}"
        pattern, subject = self._plan.pattern, self._subjects[mode.name]
        make = partial(edits.make, pattern, subject, number, marker)
        edit = await to_thread.run_sync(make)
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
        )

    def _begin(self, modes: list[Mode]) -> None:
        for mode in modes:
            if isinstance(mode, Syncd):
                mode.begin()

    def _end(self, modes: list[Mode]) -> None:
        for mode in modes:
            if isinstance(mode, Syncd):
                self.cost = mode.cost()


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


def _kubectl_options(place: Place) -> list[str]:
    options = ["--context", place.api.context]
    if place.settings.kubeconfig is not None:
        options += ["--kubeconfig", str(place.settings.kubeconfig)]
    return options


def _told(place: Place) -> Mapping[str, str]:
    first = place.replicas[0]
    return {
        "SYNCD_BENCH_NAMESPACE": first.namespace,
        "SYNCD_BENCH_POD": first.pod,
        "SYNCD_BENCH_CONTAINER": first.container,
        "SYNCD_BENCH_REMOTE": place.remote,
        "SYNCD_BENCH_CONTEXT": place.api.context,
    }

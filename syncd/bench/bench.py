"""A whole measurement: made, and the target left as it was found."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import anyio

from syncd.bench import choosing, copies, edits, place as places
from syncd.bench.inside import run_in
from syncd.bench.look import Endpoint
from syncd.bench.measuring import Measuring, Notes, Progress, subject_of
from syncd.bench.modes.syncd import restore
from syncd.bench.place import Place
from syncd.bench.plan import Plan
from syncd.bench.samples import Result
from syncd.cluster import NotRunning
from syncd.config import Settings
from syncd.errors import SyncdError, TargetError


_RESTORE_S = 30.0


class CutShort(SyncdError):
    """It did not end well, and something had been measured by then.

    Attributes:
        result: What had.
        cause: Why it ended.
    """

    def __init__(self, result: Result, cause: SyncdError) -> None:
        super().__init__(str(cause), hint=cause.hint)
        self.result = result
        self.cause = cause


async def run(
    settings: Settings,
    plan: Plan,
    progress: Progress,
    interrupted: Callable[[Result], None] = lambda _: None,
) -> Result:
    """Measure on the target of `settings`, and leave it in step with its folder.

    Args:
        settings: The first target with a folder that has the file is taken.
        plan: What to measure.
        progress: Told of every sample.
        interrupted: Told of what was measured, if this is cancelled after a sample.

    Raises:
        CutShort: If something failed after the first sample.
        SyncdError: If something failed before it.
    """
    for mode in plan.modes:
        choosing.check(mode)
    if plan.url is not None:
        Endpoint.parse(plan.url)
    sole = copies.sole(settings, plan.file if plan.edit is None else None)
    await subject_of(sole, plan)  # refused before anything is touched
    notes = Notes(facts={"command": plan.command, **places.machine()})
    try:
        await _measure(sole, plan, notes, progress)
    except SyncdError as error:
        if not notes.samples:
            raise
        raise CutShort(_result(plan, notes), error) from error
    except anyio.get_cancelled_exc_class():
        if notes.samples:
            interrupted(_result(plan, notes))
        raise
    return _result(plan, notes)


def _result(plan: Plan, notes: Notes) -> Result:
    return Result(
        environment={**notes.facts, "load after": places.load()},
        pattern=plan.edits,
        samples=notes.samples,
        costs=notes.costs,
    )


async def _measure(
    sole: Settings, plan: Plan, notes: Notes, progress: Progress
) -> None:
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as name:
        scratch = Path(name)
        async with places.find(sole, plan.url) as place:
            choosing.check_beside(plan.modes, place.serves)
            notes.facts |= {**place.facts, "url": str(place.endpoint)}
            await place.endpoint.answer()  # refuses a certificate, and nothing else
            measuring = Measuring(place, plan, scratch, notes, progress)
            try:
                await measuring.run()
            finally:
                if plan.restores:
                    await _restore(place, scratch, measuring)


async def _restore(place: Place, scratch: Path, measuring: Measuring) -> None:
    with anyio.move_on_after(_RESTORE_S, shield=True) as limit:
        script = edits.removal(place.remote, await measuring.strays())
        for replica in place.replicas:
            try:
                # By size, since not every API server can end a process's input.
                await run_in(place.api, replica, f"head -c {len(script)} | sh", script)
            except NotRunning:
                continue  # what was in it is gone with it
        await restore(place.settings, scratch)
    if limit.cancelled_caught:
        raise TargetError(
            f"the target was not brought back within {_RESTORE_S:g} s",
            hint="bring it back in step with syncd sync",
        )

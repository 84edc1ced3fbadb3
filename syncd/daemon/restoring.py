"""Every target's workload as it was before syncd changed it."""

from syncd import events
from syncd.config import Settings
from syncd.daemon.reach import reach, spec_of
from syncd.inject import restore as take_back


async def restore(settings: Settings, emit: events.Emit) -> int:
    """Take the reloader out of the workloads of all targets; return the exit code.

    Raises:
        SyncdError: If that could not be done.
    """
    async with reach(settings) as api:
        for target in settings.targets:
            await take_back(api, spec_of(target, api), emit)
    return 0

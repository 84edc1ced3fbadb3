"""Every target's workload as it was before syncd changed it."""

from syncd import errors, events
from syncd.cluster import TargetSpec, connect
from syncd.config import Settings
from syncd.errors import SyncdError
from syncd.inject import restore as take_back


async def restore(settings: Settings, emit: events.Emit) -> int:
    """Take the reloader out of the workloads of all targets; return the exit code.

    Raises:
        SyncdError: If that could not be done.
    """
    error: SyncdError | None = None
    try:
        async with connect(
            context=settings.context,
            kubeconfig=settings.kubeconfig,
            allow_contexts=settings.allow_contexts,
        ) as api:
            for target in settings.targets:
                namespace = target.namespace or api.namespace
                spec = TargetSpec.parse(target.title, namespace, target.container)
                await take_back(api, spec, emit)
    except* SyncdError as group:
        error = errors.first(group)
    if error is not None:
        raise error
    return 0

"""The cluster and the targets that settings name."""

from contextlib import AbstractAsyncContextManager

from syncd.cluster import Api, TargetSpec, connect
from syncd.config import Settings, Target


def reach(settings: Settings) -> AbstractAsyncContextManager[Api]:
    """Open the API of the cluster that is meant; as `connect`, which see."""
    return connect(
        context=settings.context,
        kubeconfig=settings.kubeconfig,
        allow_contexts=settings.allow_contexts,
    )


def spec_of(target: Target, api: Api) -> TargetSpec:
    """Return what a target names, in the context's namespace unless it says another.

    Raises:
        ConfigError: If the workload is none that can be followed.
    """
    namespace = target.namespace or api.namespace
    return TargetSpec.parse(target.title, namespace, target.container)

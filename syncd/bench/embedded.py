"""A cluster of its own to measure on: nothing else is needed."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from syncd.bench.plan import Plan
from syncd.config import Flags, Rebuild, Settings, from_arguments
from syncd.loopback import demo
from syncd.loopback.cluster import Loopback


@asynccontextmanager
async def embedded(
    plan: Plan, say: demo.Say
) -> AsyncGenerator[tuple[Settings, Plan], None]:
    """Run the demo's program on an embedded cluster while the block lasts.

    Yields the settings to measure with, and `plan` with the program's address.

    Raises:
        ConfigError: If what the program needs is not installed.
    """
    async with demo.running(say) as (cluster, folder):
        address = demo.address(cluster)
        assert address is not None
        host, port = address
        # It ends with the block: there is nothing to be left as it was.
        there = replace(plan, url=f"http://{host}:{port}/", restores=False)
        yield _settings(cluster, folder), there


def _settings(cluster: Loopback, folder: Path) -> Settings:
    flags = Flags(kubeconfig=str(cluster.kubeconfig), namespace=demo.NAMESPACE)
    settings = from_arguments(str(folder), "deployment/myapp:/app", flags=flags)
    (target,) = settings.targets
    rebuild = Rebuild(context=folder, builder=demo.BUILDER)
    target = target.model_copy(update={"rebuild": rebuild})
    return settings.model_copy(update={"targets": (target,)})

"""The way to a cluster: find it, refuse it unless it is meant, and be somebody there."""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import anyio
from anyio import to_thread

from syncd.cluster import guard, kubeconfig as kubeconfigs
from syncd.cluster.api import Api
from syncd.cluster.kubeconfig import Context
from syncd.cluster.ports import Http, Timing
from syncd.cluster.proxy import proxy_for


_CLOSE_S = 0.5


@asynccontextmanager
async def connect(
    *,
    context: str | None = None,
    kubeconfig: Path | None = None,
    allow_contexts: Sequence[str] = (),
    timing: Timing | None = None,
    environ: Mapping[str, str] = os.environ,
) -> AsyncIterator[Api]:
    """Open the API of one cluster. Nothing is sent before the first request.

    The context is pinned here: what becomes current in the kubeconfig later is of no
    matter, and if the pinned one comes to point to another server, requests raise
    `Halted`.

    Args:
        context: Its name; else the kubeconfig's current one.
        kubeconfig: The file; else KUBECONFIG, else ~/.kube/config, else the service
            account of the Pod we run in.
        allow_contexts: Contexts that are meant although they are not local.
        timing: How long things may take.
        environ: The environment, for KUBECONFIG and proxies.

    Raises:
        ConfigError: If there is no such kubeconfig or context, or it makes no sense.
        Halted: If the context is neither local nor allowed.
    """
    timing = timing or Timing()
    pinned = await to_thread.run_sync(kubeconfigs.load, kubeconfig, context, environ)
    guard.check(
        pinned.name,
        pinned.cluster_name,
        pinned.server,
        allow_contexts,
        provider=pinned.provider,
    )
    proxy = proxy_for(
        pinned.server, str(pinned.cluster.get("proxy-url") or ""), environ
    )
    reload = _reload(pinned, kubeconfig, environ)
    open_http = await to_thread.run_sync(_import_client)
    http = open_http(pinned, reload, proxy, timing)
    try:
        yield Api(http, pinned, timing)
    finally:
        with anyio.move_on_after(_CLOSE_S, shield=True):
            await http.aclose()


def _import_client() -> Callable[
    [Context, Callable[[], Context], str | None, Timing], Http
]:
    # aiohttp and kubernetes take 0.3 s to import. In a worker thread, that passes
    # while the local folder is scanned; and `syncd --help` never pays it.
    from syncd.cluster.client import open_client  # noqa: PLC0415

    return open_client


def _reload(
    pinned: Context, kubeconfig: Path | None, environ: Mapping[str, str]
) -> Callable[[], Context]:
    if pinned.name == kubeconfigs.IN_CLUSTER:
        return lambda: pinned
    return partial(kubeconfigs.load, kubeconfig, pinned.name, environ)

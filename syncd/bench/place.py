"""Where a measurement runs: a target, and the way to what it serves."""

import os
import platform
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd import __version__
from syncd.bench.inside import run_in
from syncd.bench.look import Endpoint
from syncd.cluster import (
    Api,
    Replica,
    forward,
    seek,
)
from syncd.cluster.tasks import task_group
from syncd.config import Settings
from syncd.daemon.reach import reach, spec_of
from syncd.errors import ConfigError, SyncdError


_FOUND_S = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A target that runs.

    Attributes:
        settings: Those of one target and one folder.
        replicas: Its containers when it was looked at.
        endpoint: Where the program answers.
        serves: The command line of the container's first process.
        facts: What is worth knowing of all this.
        pod: The Pod of the first of them.
    """

    settings: Settings
    api: Api
    replicas: tuple[Replica, ...]
    endpoint: Endpoint
    serves: tuple[str, ...]
    facts: Mapping[str, str]
    pod: Mapping[str, Any]

    @property
    def remote(self) -> str:
        """The folder in the containers."""
        return self.settings.targets[0].sync[0].remote.rstrip("/")

    def port(self) -> int:
        """Return where the program listens in its container.

        Raises:
            ConfigError: If the container does not say.
        """
        return _port(self.pod, self.replicas[0], self.serves)


@asynccontextmanager
async def find(settings: Settings, url: str | None) -> AsyncGenerator[Place, None]:
    """Connect, and find the target's containers and how to reach the program.

    Args:
        settings: Of one target and one folder.
        url: Where the program answers, through this machine's network; None takes a
            way through the API server, which costs each look some milliseconds.

    Raises:
        SyncdError: If something of that is not there.
    """
    async with (
        reach(settings) as api,
        task_group() as tasks,
    ):
        replicas = await _replicas(api, settings)
        pod = await api.get(_pod_path(replicas[0]))
        serves = await _serves(api, replicas[0], pod)
        if url is None:
            port = _port(pod, replicas[0], serves)
            here = await tasks.start(
                forward, api, replicas[0].namespace, replicas[0].pod, port
            )
            url = f"http://127.0.0.1:{here}/"
        yield Place(
            settings=settings,
            api=api,
            replicas=replicas,
            endpoint=Endpoint.parse(url),
            serves=serves,
            facts=await _facts(api, replicas, serves),
            pod=pod,
        )
        tasks.cancel_scope.cancel()


async def _replicas(api: Api, settings: Settings) -> tuple[Replica, ...]:
    spec = spec_of(settings.targets[0], api)
    view = await seek(api, spec, _FOUND_S)
    if not view.replicas:
        raise view.explain(spec)
    return view.replicas


def _pod_path(replica: Replica) -> str:
    return f"/api/v1/namespaces/{replica.namespace}/pods/{replica.pod}"


async def _serves(
    api: Api, replica: Replica, pod: Mapping[str, Any]
) -> tuple[str, ...]:
    """Return the command line of the container, as its first process has it."""
    container = _container(pod, replica)
    said = (*container.get("command", ()), *container.get("args", ()))
    if said:
        return tuple(map(str, said))
    try:
        line = await run_in(api, replica, "cat /proc/1/cmdline")
    except SyncdError:
        return ()
    return tuple(os.fsdecode(line).rstrip("\0").split("\0"))


def _container(pod: Mapping[str, Any], replica: Replica) -> Mapping[str, Any]:
    found: Mapping[str, Any]
    for found in pod["spec"]["containers"]:
        if found["name"] == replica.container:
            return found
    return {}


def _port(pod: Mapping[str, Any], replica: Replica, serves: tuple[str, ...]) -> int:
    ports = _container(pod, replica).get("ports") or ()
    if ports:
        return int(ports[0]["containerPort"])
    if "--port" in serves[:-1] and (said := serves[serves.index("--port") + 1]):
        return int(said)
    raise ConfigError(
        f"container {replica.container} names no port",
        hint="say with --url where the program answers",
    )


async def _facts(
    api: Api, replicas: tuple[Replica, ...], serves: tuple[str, ...]
) -> dict[str, str]:
    first = replicas[0]
    version = await api.get("/version")
    node = await _node(api, first)
    return {
        "context": api.context,
        "cluster": str(version.get("gitVersion", "")),
        "runtime": str(node.get("containerRuntimeVersion", "")),
        "image": first.image,
        "replicas": str(len(replicas)),
        "container runs": " ".join(serves),
    }


async def _node(api: Api, replica: Replica) -> Mapping[str, Any]:
    try:
        node = await api.get(f"/api/v1/nodes/{replica.node}")
    except SyncdError:
        return {}  # not everybody may read nodes
    info: Mapping[str, Any] = node.get("status", {}).get("nodeInfo", {})
    return info


def load() -> str:
    """Return how many processes wanted to run, of late."""
    return " ".join(f"{part:.2f}" for part in os.getloadavg())


def machine() -> dict[str, str]:
    """Return what this machine is."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if "model name" in line]
    return {
        "syncd": __version__,
        "python": sys.version.split()[0],
        "system": f"{platform.system()} {platform.release()}",
        "processor": models[0] if models else model,
        "cores": str(os.cpu_count()),
        "load before": load(),
    }

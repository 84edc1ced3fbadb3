"""Many replicas, a slow link and the start, on the embedded cluster.

The cluster runs in this process and syncd in one of its own, so that it is measured as
people run it.
"""

import io
import random
import statistics
import tarfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio import to_thread

from benchmarks.figure import Figure, Figures
from syncd.bench.inside import run_in
from syncd.cluster import TargetSpec, connect, seek
from syncd.loopback.cluster import Loopback
from syncd.loopback.dialect import QUICK
from syncd.loopback.image import Image
from tests.cluster.watching import Syncd, Watching


REMOTE = "/app"
SAVES = 20
RTT_MS, BITS_PER_S = 50, 20e6
WORDS = [f"word_{number:x}" for number in range(40_000, 40_400)]


@dataclass(frozen=True)
class Ground:
    """A folder, and a Deployment on a cluster that syncd may bring it to."""

    cluster: Loopback
    local: Path
    syncd: Syncd

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[Watching]:
        """Run `syncd watch`, from when it is in step."""
        target = f"deployment/web:{REMOTE}"
        run = self.syncd.start(str(self.local), target, "-n", "default")
        try:
            await until(run, "syncd.in_step")
            yield run
        finally:
            await to_thread.run_sync(run.close)


async def until(run: Watching, name: str) -> dict[str, object]:
    """Wait for an event, while the cluster goes on."""
    return await to_thread.run_sync(run.until, name)


@asynccontextmanager
async def ground(home: Path, replicas: int = 1) -> AsyncIterator[Ground]:
    """Run a cluster with a Deployment of Pods that only wait."""
    image, local = home / "image", home / "local"
    for folder in (image, local):
        folder.mkdir(parents=True)
    web = Image("web:1", files=image, command=("sleep", "100000"))
    async with Loopback(home / "cluster", [web], pace=QUICK) as cluster:
        labels = {"app": "web"}
        pod = {"containers": [{"name": "app", "image": "web:1"}]}
        await cluster.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web"},
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": labels},
                    "template": {"metadata": {"labels": labels}, "spec": pod},
                },
            }
        )
        await cluster.ready("deployment/web", timeout_s=60)
        yield Ground(cluster, local, Syncd(home / "syncd", cluster.kubeconfig))


async def saves(place: Ground) -> float:
    """Return how long a save takes until every replica has it, p50, in ms."""
    async with place.watching() as run:
        took = []
        for number in range(SAVES):
            (place.local / "main.py").write_text(f"SAYS = {number:>2000}\n")
            done = await until(run, "batch.done")
            took.append(float(str(done["total_ms"])))
            await anyio.sleep(0.05)
    return statistics.median(took)


def fan_out(home: Path) -> Figures:
    """Save a file for one replica, and for ten."""

    async def measure(replicas: int) -> float:
        async with ground(home / str(replicas), replicas) as place:
            return await saves(place)

    one, ten = anyio.run(measure, 1), anyio.run(measure, 10)
    yield Figure("one file → applied, 1 replica, p50", one, "ms")
    yield Figure("… 10 replicas, p50", ten, "ms")
    yield Figure("… 10 replicas, in times of one", ten / one, "×", 2)  # noqa: RUF001  # a factor


def slow_link(home: Path) -> Figures:
    """Save over a link of 50 ms there and back and 20 Mbit/s."""

    async def measure() -> tuple[float, float, float]:
        async with ground(home) as place:
            place.cluster.faults.link.shape(RTT_MS, BITS_PER_S)
            one = await saves(place)
            files(place.local.with_name("aside"), 1000)
            packed_s = await packed(place, place.local.with_name("aside"))
            async with place.watching() as run:
                place.local.with_name("aside").rename(place.local / "in")
                done = await until(run, "batch.done")
            return one, float(str(done["total_ms"])) / 1000, packed_s

    one, thousand, packed_s = anyio.run(measure)
    yield Figure("slow link: one file → applied, p50", one, "ms", RTT_MS + 30)
    yield Figure("… 1,000 files of 4 KiB → applied", thousand, "s")
    yield Figure("… the same by tar, gzip and an exec", packed_s, "s")
    ratio = thousand / packed_s
    yield Figure("… in times of that", ratio, "×", 1.3)  # noqa: RUF001  # a factor


def files(folder: Path, count: int) -> None:
    """Write files that deflate about as well as programs do."""
    draw = random.Random(1)  # noqa: S311  # no secrets here
    folder.mkdir()
    for number in range(count):
        text = " ".join(draw.choices(WORDS, k=450))
        (folder / f"file{number:04}.py").write_text(text)


async def packed(place: Ground, folder: Path) -> float:
    """Return how long `tar | gzip` through an exec takes, in seconds."""
    async with connect(kubeconfig=place.cluster.kubeconfig) as api:
        spec = TargetSpec.parse("deployment/web", "default")
        replica = (await seek(api, spec, 60)).replicas[0]
        started = time.perf_counter()
        data = io.BytesIO()
        with tarfile.open(fileobj=data, mode="w:gz", compresslevel=6) as archive:
            archive.add(folder, arcname="packed")
        size = len(data.getvalue())
        script = f"head -c {size} | tar -xzf - -C /tmp"
        await run_in(api, replica, script, data.getvalue())
        return time.perf_counter() - started


def starts(home: Path) -> Figures:
    """Start on a folder of 500 files that are there already."""

    async def measure() -> list[float]:
        async with ground(home) as place:
            for number in range(500):
                path = place.local / f"folder{number // 50}" / f"file{number}.py"
                path.parent.mkdir(exist_ok=True)
                path.write_text(f"NUMBER = {number:>2000}\n")
            took = []
            for _ in range(6):
                started = time.perf_counter()
                async with place.watching():
                    took.append(time.perf_counter() - started)
            return took[1:]  # the first brought the files there

    took = anyio.run(measure)
    what = "syncd watch, 500 files → in step, process and all"
    yield Figure(what, statistics.median(took), "s", 1.5)


MEASURES: dict[str, Callable[[Path], Figures]] = {
    "fan-out": fan_out,
    "slow-link": slow_link,
    "embedded-start": starts,
}

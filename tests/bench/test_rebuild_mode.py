"""The mode that builds an image for each save."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest

from syncd.bench.bench import run
from syncd.bench.marked import Marked
from syncd.bench.modes.rebuild import LABEL, Rebuild as Mode, renamed, twin
from syncd.bench.place import find
from syncd.bench.plan import Plan
from syncd.cluster import Refused
from syncd.config import Flags, Rebuild, Settings, from_arguments
from syncd.errors import ConfigError
from syncd.loopback.builder import STORE
from syncd.loopback.cluster import Loopback
from syncd.loopback.demo import BUILDER
from syncd.loopback.dialect import QUICK
from syncd.loopback.image import Image
from syncd.loopback.image_registry import ImageRegistry
from tests.bench.test_bench import PORT, SERVER, pod_manifest


DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web", "tier": "front"}},
            "spec": pod_manifest(("python3", "-c", SERVER, "$(POD_IP)", str(PORT)))[
                "spec"
            ],
        },
    },
}


def test_the_second_deployment_s_pods_are_none_of_the_first_s() -> None:
    made = twin(DEPLOYMENT, "web-2")

    labels = made["spec"]["template"]["metadata"]["labels"]
    assert labels == {"tier": "front", LABEL: "web-2"}
    assert made["spec"]["selector"] == {"matchLabels": {LABEL: "web-2"}}
    assert made["spec"]["replicas"] == 1
    assert made["spec"]["template"]["spec"] == DEPLOYMENT["spec"]["template"]["spec"]


def test_every_container_of_the_image_gets_the_next_one() -> None:
    pod = {
        "initContainers": [
            {"name": "seed", "image": "web:1", "command": ["cp"]},
            {"name": "wait", "image": "busybox:1"},
        ],
        "containers": [{"name": "web", "image": "web:1"}],
    }

    assert renamed({"spec": {"template": {"spec": pod}}}, "web:1", "web:2") == {
        "initContainers": [{"name": "seed", "image": "web:2"}],
        "containers": [{"name": "web", "image": "web:2"}],
    }


def settings(cluster: Loopback, folder: Path, target: str) -> Settings:
    flags = Flags(kubeconfig=str(cluster.kubeconfig), namespace="default")
    read = from_arguments(str(folder), target, flags=flags)
    rebuild = Rebuild(context=folder, builder=BUILDER)
    (one,) = read.targets
    one = one.model_copy(update={"rebuild": rebuild})
    return read.model_copy(update={"targets": (one,)})


PLAN = Plan(modes=("rebuild",), iterations=2, warmup=0, restores=False)


@asynccontextmanager
async def built(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Loopback, Settings]]:
    """Run a cluster with the Deployment and a registry."""
    monkeypatch.setenv(STORE, str(base / "store"))
    folder = base / "folder"
    folder.mkdir()
    (folder / "main.py").write_text("SAYS = 'hello from myapp'\n")
    web = Image("web:1", files=folder, mount="/my app")
    async with (
        Loopback(base / "cluster", [web], pace=QUICK) as cluster,
        ImageRegistry(cluster),
    ):
        await cluster.apply(DEPLOYMENT)
        await cluster.ready("deployment/web")
        yield cluster, settings(cluster, folder, "deployment/web:/my app")


async def test_each_save_is_served_by_an_image_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with built(tmp_path, monkeypatch) as (cluster, there):
        await cluster.apply(twin(DEPLOYMENT, "web-syncd-bench"))  # by a killed run
        result = await run(there, PLAN, lambda _: None)
        (left,) = cluster.all("deployments", namespace="default")

    assert [sample.failed for sample in result.samples] == ["", ""]
    assert [step.name for step in result.samples[0].steps] == ["applied", "served"]
    assert left["metadata"]["name"] == "web"
    container = left["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "web:1"


async def test_a_deployment_of_that_name_that_is_somebody_s_own_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with built(tmp_path, monkeypatch) as (cluster, there):
        other = {**DEPLOYMENT, "metadata": {"name": "web-syncd-bench"}}
        await cluster.apply(other)
        with pytest.raises(Refused, match="already exists"):
            await run(there, PLAN, lambda _: None)
        left = cluster.all("deployments", namespace="default")

    assert len(left) == 2


async def test_the_way_to_a_pod_is_closed_once_there_is_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with built(tmp_path, monkeypatch) as (_, there), find(there, None) as place:
        folder = there.targets[0].sync[0].local
        subject = Marked.of(folder, Path("main.py"), "hello", "save", range(2))
        mode = Mode(place, PORT, folder, tmp_path)
        async with mode.running():
            await mode.push(await subject.make(0, "first"))
            before = mode.endpoint
            await mode.push(await subject.make(1, "second"))

            assert before != mode.endpoint
            assert await before.answer() == b""
            with anyio.fail_after(20):
                await mode.endpoint.until("second")


async def test_what_is_no_deployment_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "main.py").write_text("SAYS = 'hello from myapp'\n")
    web = Image("web:1", files=folder)
    plan = Plan(modes=("rebuild",), restores=False)
    async with Loopback(tmp_path / "cluster", [web], pace=QUICK) as cluster:
        await cluster.apply(
            pod_manifest(("python3", "-c", SERVER, "$(POD_IP)", str(PORT)))
        )
        await cluster.ready("pod/web")
        with pytest.raises(ConfigError, match="needs a Deployment"):
            await run(settings(cluster, folder, "pod/web:/app"), plan, lambda _: None)

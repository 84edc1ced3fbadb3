"""The mode that builds an image for each save."""

from pathlib import Path
from typing import Any

import pytest

from syncd.bench.bench import run
from syncd.bench.modes.rebuild import LABEL, twin
from syncd.bench.plan import Plan
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


def settings(cluster: Loopback, folder: Path, target: str) -> Settings:
    flags = Flags(kubeconfig=str(cluster.kubeconfig), namespace="default")
    read = from_arguments(str(folder), target, flags=flags)
    rebuild = Rebuild(context=folder, builder=BUILDER)
    (one,) = read.targets
    one = one.model_copy(update={"rebuild": rebuild})
    return read.model_copy(update={"targets": (one,)})


async def test_each_save_is_served_by_an_image_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(STORE, str(tmp_path / "store"))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "main.py").write_text("SAYS = 'hello from myapp'\n")
    web = Image("web:1", files=folder, mount="/my app")
    plan = Plan(modes=("rebuild",), iterations=2, warmup=0, restores=False)
    async with (
        Loopback(tmp_path / "cluster", [web], pace=QUICK) as cluster,
        ImageRegistry(cluster),
    ):
        await cluster.apply(DEPLOYMENT)
        await cluster.ready("deployment/web")
        there = settings(cluster, folder, "deployment/web:/my app")
        result = await run(there, plan, lambda _: None)
        (left,) = cluster.all("deployments", namespace="default")

    assert [sample.failed for sample in result.samples] == ["", ""]
    assert [step.name for step in result.samples[0].steps] == ["applied", "served"]
    assert left["metadata"]["name"] == "web"
    container = left["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == "web:1"


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

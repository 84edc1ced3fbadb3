"""A first settings file, from the embedded cluster."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.cluster import Api, connect
from syncd.config import load
from syncd.doctor import Draft, propose
from syncd.errors import SyncdError, TargetError
from syncd.loopback.cluster import Loopback
from syncd.loopback.dialect import QUICK
from syncd.loopback.image import Image


def deployment(name: str, *containers: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [*containers]},
            },
        },
    }


WEB = {"name": "web", "image": "localhost:5000/shop:1", "workingDir": "/srv"}


@asynccontextmanager
async def cluster(base: Path, *manifests: dict[str, Any]) -> AsyncIterator[Api]:
    images = [Image("shop:1", files=base)]
    async with Loopback(base / "cluster", images, pace=QUICK) as made:
        for manifest in manifests:
            await made.apply(manifest)
        async with connect(kubeconfig=made.kubeconfig) as api:
            yield api


async def proposed(
    base: Path, *manifests: dict[str, Any], wanted: str | None = None
) -> tuple[Draft, Path]:
    project = base / "shop"
    (project / "app").mkdir(parents=True)
    (project / "app" / "main.py").write_text("")
    async with cluster(base, *manifests) as api:
        return await propose(api, project, wanted=wanted, namespace=None), project


async def test_the_file_can_be_read_and_says_what_was_chosen_and_why(
    tmp_path: Path,
) -> None:
    sidecar = {"name": "istio-proxy", "image": "proxy"}
    draft, project = await proposed(
        tmp_path, deployment("front", WEB, sidecar), deployment("db", sidecar)
    )
    (project / "syncd.toml").write_text(draft.text)
    (target,) = load(project, environ={}).targets

    assert target.title == "deployment/front"
    assert (target.namespace, target.container) == ("default", "web")
    assert [(s.local, s.remote) for s in target.sync] == [(project / "app", "/srv")]
    assert [(c.what, c.why) for c in draft.choices] == [
        (
            "workload deployment/front in namespace default",
            "its image has the project folder's name",
        ),
        ("sync app → /srv", "Python code is in app; the container's workingDir"),
        ("container web", "the others are sidecars"),
    ]


async def test_a_workload_that_is_named_needs_no_other_reason(tmp_path: Path) -> None:
    draft, _ = await proposed(
        tmp_path, deployment("a", WEB), deployment("b", WEB), wanted="deployment/b"
    )

    assert draft.choices[0].what == "workload deployment/b in namespace default"
    assert draft.choices[0].why == "you named it"


@pytest.mark.parametrize(
    ("names", "said", "hint"),
    [
        ((), "there is no Deployment or StatefulSet", "-n"),
        (
            ("a", "b"),
            "has 2 workloads: deployment/a, deployment/b",
            "syncd init deployment/a",
        ),
    ],
)
async def test_where_nothing_is_plain_the_person_is_asked(
    tmp_path: Path, names: tuple[str, ...], said: str, hint: str
) -> None:
    with pytest.raises(TargetError, match=said) as caught:
        await proposed(tmp_path, *(deployment(name, WEB) for name in names))

    assert hint in caught.value.hint


async def test_what_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(SyncdError, match="none"):
        await proposed(tmp_path, wanted="deployment/none")

"""Fixtures for tests on a real cluster, the one of KUBECONFIG."""

import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from syncd.cluster import Api, connect
from tests.cluster.kube import Kube, Workload, fresh_namespace
from tests.cluster.project import Lay, Project


@pytest.fixture(scope="session")
def cluster() -> None:
    """Whether there is one at all."""
    if not os.environ.get("KUBECONFIG"):
        pytest.fail("KUBECONFIG names no cluster for the tests", pytrace=False)
    if not shutil.which("kubectl"):
        pytest.fail("kubectl is not on the PATH", pytrace=False)


@pytest.fixture(scope="module")
def namespace(cluster: None) -> Iterator[str]:
    """A namespace of this module's own, deleted at its end."""
    with fresh_namespace() as name:
        yield name


@pytest.fixture(scope="module")
def kube(namespace: str) -> Kube:
    """`kubectl` in that namespace: `kube("get", "pods")`."""
    return Kube(namespace)


@pytest.fixture(scope="module")
def workload(kube: Kube) -> Callable[..., Workload]:
    """Makes Deployments: `workload("web", image=BUSYBOX, replicas=2)`.

    It waits for them to be rolled out, unless `wait=False`. They go with the namespace.
    """

    def make(name: str, *, wait: bool = True, **options: Any) -> Workload:
        return Workload(kube, name, **options).apply(wait=wait)

    return make


@pytest.fixture
async def api(cluster: None) -> AsyncIterator[Api]:
    """The cluster, connected as `syncd watch` would be."""
    async with connect() as api:
        yield api


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def project(kube: Kube, tmp_path: Path) -> Iterator[Project]:
    if shutil.which("docker") is None:
        pytest.skip("docker is not installed")
    project = Project(tmp_path / "project", kube)
    yield project
    project.clean_up()


@pytest.fixture
def lay(project: Project) -> Lay:
    """Lays the project out, builds its first image, and runs it."""

    def lay(
        *,
        container: Mapping[str, object] | None = None,
        spec: Mapping[str, object] | None = None,
        **rebuild: object,
    ) -> Workload:
        project.lay_out(**rebuild)
        return project.deploy(project.build(), spec=spec, **(container or {}))

    return lay

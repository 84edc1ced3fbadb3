"""An overlay of `deploy/k8s` in a namespace of its own on the real cluster.

The images come from a base that is at hand (SYNCD_TEST_BASE, Debian with Python) and go
through a registry that both sides reach (SYNCD_TEST_REGISTRY).
"""

import json
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.deploy.programs import ROOT
from tests.deploy.rendering import (
    Manifest,
    copy_of_the_manifests,
    parse,
    render,
    renderer,
)


BASE = os.environ.get("SYNCD_TEST_BASE", "localhost:5000/pybase:dev")
REGISTRY = os.environ.get("SYNCD_TEST_REGISTRY", "k3d-registry.localhost:5000")


def run(*argv: str, stdin: str | None = None) -> str:
    """Return what a command prints; it has to succeed."""
    done = subprocess.run(
        argv, input=stdin, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, f"{' '.join(argv)}\n{done.stdout}{done.stderr}"
    return done.stdout


@dataclass(frozen=True, slots=True)
class Namespace:
    name: str

    def kubectl(self, *args: str, stdin: str | None = None) -> str:
        return run("kubectl", "--namespace", self.name, *args, stdin=stdin)

    def apply(self, manifests: list[Manifest], *flags: str) -> str:
        """Apply as deploy/up does."""
        return self.kubectl(
            "apply", "-f", "-", *flags, stdin=yaml.safe_dump_all(manifests)
        )

    def get(self, *args: str) -> Any:
        return json.loads(self.kubectl("get", *args, "-o", "json"))

    def answer(self, *args: str) -> str:
        """Return what kubectl prints, whether it calls it a success or not."""
        argv = ("kubectl", "--namespace", self.name, *args)
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout

    def pods(self, app: str) -> list[Manifest]:
        """Return the Pods that are there to stay."""
        items: list[Manifest] = self.get("pods", "--selector", f"app={app}")["items"]
        return [pod for pod in items if "deletionTimestamp" not in pod["metadata"]]

    def sh(self, app: str, script: str) -> str:
        # Not `deployment/…`: kubectl would take a Pod that is about to go.
        pod = self.pods(app)[0]["metadata"]["name"]
        return self.kubectl("exec", pod, "--container", app, "--", "sh", "-c", script)

    def follow(self, resource: str, field: str, wanted: Callable[[str], bool]) -> None:
        """Return once a field of an object is as wanted, as the API server tells it."""
        query = f"jsonpath={{{field}}}{{'\\n'}}"
        argv = ("kubectl", "-n", self.name, "get", resource, "--watch", "-o", query)
        with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as watch:
            assert watch.stdout is not None
            assert any(wanted(line.strip()) for line in watch.stdout)
            watch.terminate()

    def restarted(self, pod: str) -> None:
        """Return once the Pod's container was started again, and is ready."""
        count = ".status.containerStatuses[0].restartCount"
        self.follow(f"pod/{pod}", count, "1".__eq__)
        self.kubectl("wait", f"pod/{pod}", "--for=condition=Ready", "--timeout=60s")

    def in_service(self, app: str) -> None:
        """Return once the Service knows the Pods of today, and no other."""
        names = {pod["metadata"]["name"] for pod in self.pods(app)}
        self.follow(
            f"endpoints/{app}",
            ".subsets[*].addresses[*].targetRef.name",
            lambda line: set(line.split()) == names,
        )

    def ask(self, target: str, path: str) -> Any:
        """Get `path` by the API server's own proxy: no route to a Pod is needed.

        `target` is `services/NAME:PORT` or `pods/NAME:PORT`.
        """
        url = f"/api/v1/namespaces/{self.name}/{target}/proxy{path}"
        return json.loads(self.kubectl("get", "--raw", url))

    def rolled_out(self, *workloads: str) -> None:
        for workload in workloads:
            self.kubectl("rollout", "status", workload, "--timeout=90s")


@dataclass(frozen=True, slots=True)
class Images:
    myapp: str
    postgres: str


def build_images() -> Images:
    """Build the program's image and one of PostgreSQL; push both."""
    here = Path(__file__).parent
    return Images(
        build("myapp-test", ROOT / "Dockerfile.dev", ROOT),
        build("postgres-test", here / "postgres.Dockerfile", here),
    )


def images_missing() -> str | None:
    """Return why no image can be built here, or `None`."""
    if "KUBECONFIG" not in os.environ:
        return "KUBECONFIG is not set, and the default's cluster may be anybody's"
    if renderer() is None:
        return "no kubectl 1.22 or newer on PATH, so no kustomize"
    if shutil.which("docker") is None:
        return "docker is not installed"
    if not run("docker", "images", "--quiet", BASE):
        return f"the base image {BASE} is not here (SYNCD_TEST_BASE)"
    return None


def build(name: str, dockerfile: Path, context: Path) -> str:
    argument = f"BASE={BASE}"
    done = run(
        *("docker", "build", "--quiet", "--build-arg", argument, "-f", str(dockerfile)),
        str(context),
    )
    image = done.strip()
    reference = f"{REGISTRY}/{name}:{image.removeprefix('sha256:')[:12]}"
    run("docker", "tag", image, reference)
    run("docker", "push", "--quiet", reference)
    return reference


@contextmanager
def namespace() -> Iterator[Namespace]:
    name = f"syncd-deploy-{secrets.token_hex(3)}"
    run("kubectl", "create", "namespace", name)
    try:
        yield Namespace(name)
    finally:
        # Told, not awaited: the cluster takes most of a minute to forget the Pods.
        run("kubectl", "delete", "namespace", name, "--wait=false")


@contextmanager
def volume(home: Namespace) -> Iterator[None]:
    """Bind a folder of this machine to PostgreSQL's claim, if the cluster makes none."""
    classes = home.get("storageclass")["items"]
    marks = [item["metadata"].get("annotations", {}) for item in classes]
    if any("is-default-class" in key for mark in marks for key in mark):
        yield
        return
    with tempfile.TemporaryDirectory(prefix="pg-volume-") as folder:
        os.chown(folder, 70, 70)
        manifest = {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": home.name},
            "spec": {
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": folder},
                "claimRef": {"namespace": home.name, "name": "data-postgres-0"},
            },
        }
        run("kubectl", "create", "-f", "-", stdin=json.dumps(manifest))
        try:
            yield
        finally:
            run("kubectl", "delete", "persistentvolume", home.name, "--wait=false")


def overlay(
    tmp: Path, base: str, home: Namespace, images: Images, host: str = "postgres"
) -> list[Manifest]:
    """Return an overlay for another namespace, with images that exist here.

    `host` is where PostgreSQL is: its name, or its address on a cluster without DNS.
    """
    tree = copy_of_the_manifests(tmp / secrets.token_hex(4), password=home.name)
    folder = tree / "overlays/test"
    folder.mkdir()
    settings = {
        "name": "settings",
        "behavior": "merge",
        "literals": [f"DATABASE_URL=postgresql://myapp@{host}/myapp"],
    }
    kustomization = {
        "namespace": home.name,
        "resources": [f"../{base}"],
        "images": [
            replacement("k3d-registry.localhost:5000/myapp", images.myapp),
            replacement("postgres", images.postgres),
        ],
        "configMapGenerator": [settings],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    # Its name is not the namespace's here, and the test made that itself.
    return [one for one in parse(render(folder)) if one["kind"] != "Namespace"]


def replacement(name: str, image: str) -> dict[str, str]:
    new_name, _, tag = image.rpartition(":")
    return {"name": name, "newName": new_name, "newTag": tag}


@dataclass(frozen=True, slots=True)
class Deployed:
    """A namespace with PostgreSQL in it, to which overlays are applied as by deploy/up."""

    home: Namespace
    images: Images
    tmp: Path
    database: str

    def manifests(self, name: str) -> list[Manifest]:
        return overlay(self.tmp, name, self.home, self.images, self.database)

    def switch(self, name: str) -> None:
        self.home.apply(self.manifests(name))
        kinds = "role,rolebinding,serviceaccount,networkpolicy,configmap"
        others = f"overlay,overlay!={name}"
        self.home.kubectl("delete", kinds, "--selector", others, "--ignore-not-found")
        self.home.rolled_out("deployment/myapp")
        self.home.in_service("myapp")


@contextmanager
def deployed(tmp: Path) -> Iterator[Deployed]:
    """Start PostgreSQL, then the dev overlay, until all is ready; remove it at last."""
    images = build_images()
    with namespace() as home, volume(home):
        # PostgreSQL first: a cluster without DNS finds it by its address only.
        kinds = {"Secret", "Service", "StatefulSet"}
        home.apply(
            [
                one
                for one in overlay(tmp, "dev", home, images)
                if one["kind"] in kinds and one["metadata"]["name"] == "postgres"
            ]
        )
        home.rolled_out("statefulset/postgres")
        (pod,) = home.pods("postgres")
        running = Deployed(home, images, tmp, pod["status"]["podIP"])
        running.switch("dev")
        yield running

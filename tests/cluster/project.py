"""A project whose image is built here: a program, its Dockerfile, its requirements.

Nothing is fetched: what the requirements name are wheels that lie beside them.
"""

import json
import os
import secrets
import subprocess
import textwrap
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.kube import Kube, Workload
from tests.cluster.watching import Event, Syncd, Watching


Lay = Callable[..., Workload]

BASE = os.environ.get("SYNCD_TEST_BASE", "localhost:5000/pybase:dev")
REGISTRY = os.environ.get("SYNCD_TEST_REGISTRY", "k3d-registry.localhost:5000")
PUSH = f"localhost:{REGISTRY.rpartition(':')[2]}"

# Serves what is installed beside it, and what stands in the folder that is synced.
PROGRAM = """
import importlib.metadata as metadata
import http.server, json, os, pathlib


def installed():
    names = ("cheese", "ham")
    found = {each.metadata["Name"] for each in metadata.distributions()}
    return sorted(found.intersection(names))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        said = {
            "installed": installed(),
            "version": pathlib.Path("/app/version.txt").read_text(),
        }
        self.send_response(200 if self.path != "/readyz" or READY else 503)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *args):
        pass


READY = os.environ.get("READY", "yes") == "yes"
http.server.ThreadingHTTPServer(("", 8080), Handler).serve_forever()
"""
DOCKERFILE = """
ARG BASE
FROM ${BASE}
COPY wheels /wheels
COPY requirements.txt /tmp/requirements.txt
RUN pip install --no-index --find-links /wheels --disable-pip-version-check \\
    --root-user-action=ignore --break-system-packages -r /tmp/requirements.txt
COPY --chown=1000:1000 app /app
WORKDIR /app
USER 1000:1000
CMD ["python3", "-u", "/srv/main.py"]
COPY main.py /srv/main.py
"""


def slow() -> str:
    """Return a Dockerfile that takes four seconds, whatever is in the cache."""
    pause = f"RUN sleep 4 && : {secrets.token_hex(4)}\nCOPY --chown"
    return DOCKERFILE.replace("COPY --chown", pause)


def wheel(folder: Path, name: str, version: str) -> None:
    """Write a package that holds nothing: the same bytes each time, for the cache."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    kind = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        files = {"METADATA": metadata, "WHEEL": kind, "RECORD": ""}
        for file, text in files.items():
            archive.writestr(zipfile.ZipInfo(f"{info}/{file}"), text)


@dataclass
class Project:
    """A project folder, and the Deployment that runs its image.

    Attributes:
        folder: Where it is.
        kube: The namespace of the Deployment.
        name: Of the Deployment and of its image, which are this test's alone.
    """

    folder: Path
    kube: Kube
    name: str = field(default_factory=lambda: f"web-{secrets.token_hex(3)}")

    def write(self, name: str, text: str) -> None:
        """Save a file as an editor would."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        new.write_text(textwrap.dedent(text).lstrip("\n"))
        new.rename(path)

    def require(self, *names: str, comment: str = "what we need") -> None:
        lines = [f"# {comment}", *names, ""]
        self.write("requirements.txt", "\n".join(lines))

    def lay_out(self, **rebuild: object) -> None:
        """Write a project that builds, whose settings say `rebuild` beside the usual."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "wheels").mkdir()
        for name in ("cheese", "ham"):
            wheel(self.folder / "wheels", name, "1.0")
        self.write("main.py", PROGRAM)
        self.write("Dockerfile", DOCKERFILE)
        self.write("app/version.txt", "0")
        self.require()
        said = {"build_args": {"BASE": BASE}, "timeout_s": 30, **rebuild}
        lines = "\n".join(f"{key} = {_toml(value)}" for key, value in said.items())
        settings = f"""
            [[target]]
            workload = "deployment/{self.name}"
            namespace = "{self.kube.namespace}"
            sync = [{{ local = "app", remote = "/app" }}]

            [target.rebuild]
        """
        self.write("syncd.toml", textwrap.dedent(settings) + lines)

    def build(self) -> str:
        """Build and push the image of the beginning; its name."""
        name = f"{PUSH}/{self.name}:first"
        argv = ["docker", "build", "-q", "--build-arg", f"BASE={BASE}", "-t", name, "."]
        subprocess.run(argv, cwd=self.folder, check=True, capture_output=True)
        subprocess.run(["docker", "push", "-q", name], check=True, capture_output=True)
        return f"{REGISTRY}/{self.name}:first"

    def deploy(
        self, image: str, *, spec: Mapping[str, object] | None = None, **container: Any
    ) -> Workload:
        """Run the Deployment, with one Pod that is never taken before another is ready."""
        probe = {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1}
        workload = Workload(
            self.kube,
            self.name,
            image=image,
            spec=spec or {},
            container={
                "imagePullPolicy": "IfNotPresent",
                "readinessProbe": probe,
                "command": None,
                **container,
            },
        )
        return workload.apply()

    @contextmanager
    def watch(self, home: Path, kubeconfig: Path | None = None) -> Iterator[Watching]:
        """Run `syncd watch` in the project, from when it is in step."""
        with Syncd(home, kubeconfig).watch(cwd=self.folder) as watching:
            watching.until("syncd.in_step")
            yield watching

    def clean_up(self) -> None:
        """Take the images away from this machine."""
        listing = ["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"]
        listed = subprocess.run(
            [*listing, f"{PUSH}/{self.name}"],
            capture_output=True,
            text=True,
            check=True,
        )
        if names := listed.stdout.split():
            subprocess.run(["docker", "rmi", *names], capture_output=True, check=False)


def edit(project: Project, watching: Watching, version: str) -> Event:
    """Save a file of the sync root, and wait until it landed."""
    watching.skip()
    project.write("app/version.txt", version)
    return watching.until("batch.done")


def served(workload: Workload) -> Any:
    """Return what the one Pod that stays serves."""
    (pod,) = workload.pods()
    return served_by(workload.kube, pod["metadata"]["name"])


def served_by(kube: Kube, pod: str) -> Any:
    path = f"/api/v1/namespaces/{kube.namespace}/pods/{pod}:8080/proxy/"
    return json.loads(kube("get", "--raw", path))


def image_of(workload: Workload) -> str:
    """Return the image that the Deployment names."""
    found = workload.kube.get(workload.target)
    return str(found["spec"]["template"]["spec"]["containers"][0]["image"])


def _toml(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{k} = {_toml(v)}' for k, v in value.items())} }}"
    return json.dumps(value)

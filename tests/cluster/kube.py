"""`kubectl` for tests: namespaces that go away, and workloads of three images."""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio.to_thread
import yaml


PYTHON = os.environ.get("SYNCD_TEST_IMAGE_PYTHON", "localhost:5000/pybase:dev")
BUSYBOX = os.environ.get("SYNCD_TEST_IMAGE_BUSYBOX", "localhost:5000/busybox:dev")
MYAPP = os.environ.get(
    "SYNCD_TEST_IMAGE_MYAPP", "k3d-registry.localhost:5000/myapp:dev"
)

FOREVER = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done")
"""A program that does nothing, and ends at once when it is told to."""

Object = dict[str, Any]


@dataclass(frozen=True)
class Kube:
    """Runs kubectl on the cluster of KUBECONFIG, in one namespace."""

    namespace: str = "default"

    def __call__(self, *args: str, stdin: str = "", check: bool = True) -> str:
        """What kubectl wrote; with its stderr if it failed and that is not checked."""
        done = subprocess.run(
            ["kubectl", "--namespace", self.namespace, *args],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode and check:
            raise AssertionError(f"kubectl {' '.join(args)}: {done.stderr}")
        return done.stdout + (done.stderr if done.returncode else "")

    async def do(self, *args: str, stdin: str = "", check: bool = True) -> str:
        """The same without holding up the event loop."""
        return await anyio.to_thread.run_sync(
            lambda: self(*args, stdin=stdin, check=check)
        )

    def until(self, kind: str, wanted: str) -> None:
        """Wait until an object of that kind and name exists."""
        watch = ["kubectl", "-n", self.namespace, "get", kind, "--watch", "-o", "name"]
        with subprocess.Popen(watch, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            try:
                next(line for line in process.stdout if line.strip() == wanted)
            finally:
                process.kill()

    def get(self, *args: str) -> Object:
        found: Object = json.loads(self("get", *args, "-o", "json"))
        return found

    def apply(self, *manifests: Object) -> None:
        self("apply", "-f", "-", stdin=yaml.safe_dump_all(manifests))

    def account(self, name: str, *rules: Object) -> str:
        """Make a service account that may do what the rules say; its token."""
        meta = {"name": name, "namespace": self.namespace}
        group = "rbac.authorization.k8s.io"
        self.apply(
            {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
            {
                "apiVersion": f"{group}/v1",
                "kind": "Role",
                "metadata": meta,
                "rules": list(rules),
            },
            {
                "apiVersion": f"{group}/v1",
                "kind": "RoleBinding",
                "metadata": meta,
                "roleRef": {"apiGroup": group, "kind": "Role", "name": name},
                "subjects": [{"kind": "ServiceAccount", **meta}],
            },
        )
        asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest"}
        path = f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{name}/token"
        answer = self("create", "--raw", path, "-f", "-", stdin=json.dumps(asked))
        return str(json.loads(answer)["status"]["token"])

    def kubeconfig(
        self,
        path: Path,
        *,
        name: str | None = None,
        token: str | None = None,
        server: str | None = None,
    ) -> Path:
        """Write the current context alone, with another name, token or server."""
        view = self("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
        config = json.loads(view)
        if name is not None:
            config["current-context"] = config["contexts"][0]["name"] = name
            config["contexts"][0]["context"]["cluster"] = name
            config["clusters"][0]["name"] = name
        if token is not None:
            config["users"][0]["user"] = {"token": token}
        if server is not None:
            config["clusters"][0]["cluster"]["server"] = server
        path.write_text(yaml.safe_dump(config))
        return path


@contextmanager
def fresh_namespace(prefix: str = "syncd-test") -> Iterator[str]:
    """Make a namespace that Pods can run in; delete it, and do not wait for that."""
    name = f"{prefix}-{secrets.token_hex(3)}"
    kube = Kube(name)
    kube("create", "namespace", name)
    try:
        # Pods are refused until a controller has made the account that they run as.
        kube.until("serviceaccounts", "serviceaccount/default")
        yield name
    finally:
        kube("delete", "namespace", name, "--wait=false")


@dataclass(frozen=True)
class Workload:
    """A Deployment of one container, `app`, and maybe more."""

    kube: Kube
    name: str
    image: str = PYTHON
    replicas: int = 1
    command: Sequence[str] = FOREVER
    env: Mapping[str, str] = field(default_factory=dict)
    container: Mapping[str, Any] = field(default_factory=dict)
    spec: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        return f"deployment/{self.name}"

    def manifest(self) -> Object:
        labels = {"app": self.name}
        container = {
            "name": "app",
            "image": self.image,
            "command": list(self.command),
            "env": [{"name": k, "value": v} for k, v in self.env.items()],
            **self.container,
        }
        return {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": self.name, "labels": labels},
            "spec": {
                "replicas": self.replicas,
                "selector": {"matchLabels": labels},
                "template": {
                    "metadata": {"labels": labels},
                    "spec": {
                        "containers": [container],
                        "terminationGracePeriodSeconds": 1,
                        **self.spec,
                    },
                },
            },
        }

    def apply(self, *, wait: bool = True) -> "Workload":
        self.kube.apply(self.manifest())
        if wait:
            self.kube("rollout", "status", self.target, "--timeout=60s")
        return self

    def pods(self) -> list[Object]:
        """Its Pods that are not leaving."""
        found = self.kube.get("pods", "-l", f"app={self.name}")["items"]
        return [p for p in found if "deletionTimestamp" not in p["metadata"]]

    def end(self) -> None:
        """End one of its containers; the exec that does it may end with it."""
        (pod, *_) = self.pods()
        name = pod["metadata"]["name"]
        kill = ("sh", "-c", "kill 1")
        self.kube("exec", name, "-c", "app", "--", *kill, check=False)

    def sh(self, script: str) -> str:
        """Run a script in one of its containers."""
        (pod, *_) = self.pods()
        name = pod["metadata"]["name"]
        return self.kube("exec", name, "-c", "app", "--", "sh", "-c", script)

"""The stock kubectl against the embedded cluster, as a person types it."""

import os
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from subprocess import PIPE
from typing import Any

import anyio
import pytest
import pytest_asyncio

from syncd.loopback.cluster import Loopback
from syncd.loopback.dialect import QUICK, Dialect
from syncd.loopback.image import Image


# By path, what each is called here: that on PATH, and an older one if it is named.
BINARIES = {
    path: name
    for path, name in (
        (shutil.which("kubectl") or "", "kubectl"),
        (os.environ.get("SYNCD_TEST_OLD_KUBECTL", ""), "kubectl-1.20"),
    )
    if os.access(path, os.X_OK)
}
pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not BINARIES, reason="no kubectl on this machine"),
]

APP = """
apiVersion: v1
kind: Namespace
metadata: {name: app}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: app}
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: web:1
          ports: [{name: http, containerPort: 8080}]
          env: [{name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}]
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: app}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
"""
# PID 1 gets no TERM that it does not catch.
_STOP = "trap 'kill %1; exit 0' TERM; "
SERVE = ("sh", "-c", _STOP + "python3 -u -m http.server 8080 --bind $IP & wait")
SPEAK = ("sh", "-c", _STOP + "for n in 1 2 3; do echo line $n; done; sleep 1000 & wait")


class Kubectl:
    """One binary, with one cluster behind it."""

    def __init__(self, path: str, cluster: Loopback) -> None:
        self.path = path
        self.cluster = cluster
        home = cluster.folder / "home"
        home.mkdir(exist_ok=True)
        self._environment = {
            **os.environ,
            "HOME": str(home),  # kubectl caches discovery there
            "KUBECONFIG": str(cluster.kubeconfig),
        }

    async def run(self, *args: str, text: str = "") -> tuple[int, str]:
        """Run a command; return its exit code, and what it printed to both ends."""
        with anyio.fail_after(20):
            done = await anyio.run_process(
                [self.path, *args],
                input=text.encode(),
                env=self._environment,
                check=False,
            )
        return done.returncode, (done.stdout + done.stderr).decode()

    async def __call__(self, *args: str, text: str = "") -> str:
        """Run a command that must succeed; return what it printed."""
        code, output = await self.run(*args, text=text)
        assert code == 0, output
        return output

    async def open(self, *args: str) -> anyio.abc.Process:
        """Start a command that goes on."""
        return await anyio.open_process(
            [self.path, *args], env=self._environment, stdin=PIPE, stdout=PIPE
        )

    async def version(self) -> int:
        """The client's minor version."""
        _, output = await self.run("version", "--client")
        found = re.search(r'v1\.(\d+)|Minor:"(\d+)', output)
        assert found
        return int(found[1] or found[2])


@pytest_asyncio.fixture(
    loop_scope="module",
    scope="module",
    params=BINARIES,
    ids=BINARIES.get,
)
async def kubectl(
    request: Any, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Kubectl]:
    path = request.param
    old = BINARIES[path] == "kubectl-1.20"
    dialect = Dialect.V1_20 if old else Dialect.V1_36
    files = tmp_path_factory.mktemp("files")
    (files / "hello.txt").write_text("hello\n")
    images = [
        Image("web:1", files=files, command=SERVE),
        Image("box:1", files=files, command=SPEAK),
    ]
    async with Loopback(images=images, dialect=dialect, pace=QUICK) as cluster:
        kubectl = Kubectl(path, cluster)
        await kubectl("apply", "-f", "-", text=APP)
        await kubectl("run", "box", "--image=box:1")
        await cluster.ready("deployment/web", namespace="app")
        await cluster.ready("pod/box")
        yield kubectl


async def lines_until(process: anyio.abc.Process, wanted: str) -> str:
    """What a process prints, up to a text."""
    assert process.stdout is not None
    seen = ""
    with anyio.fail_after(15):
        async for chunk in process.stdout:
            seen += chunk.decode()
            if wanted in seen:
                return seen
    pytest.fail(f"ended without {wanted!r}: {seen}")


async def test_get_prints_the_columns_people_know(kubectl: Kubectl) -> None:
    head, row = (await kubectl("get", "pods", "box")).splitlines()

    assert head.split() == ["NAME", "READY", "STATUS", "RESTARTS", "AGE"]
    assert row.split()[1:4] == ["1/1", "Running", "0"]


async def test_get_knows_short_names_and_categories(kubectl: Kubectl) -> None:
    everything = await kubectl("get", "all", "-n", "app", "-o", "name")
    short = await kubectl("get", "deploy,rs,svc,ep", "-n", "app", "-o", "name")

    for kind in ("pod/", "service/", "deployment.apps/", "replicaset.apps/"):
        assert kind in everything
    assert "endpoints/web" in short


async def test_get_yaml_is_whole(kubectl: Kubectl) -> None:
    output = await kubectl("get", "pod", "box", "-o", "yaml")

    for text in ("kind: Pod", "phase: Running", "image: box:1", "nodeName: "):
        assert text in output


async def test_apply_creates_then_changes_then_changes_nothing(
    kubectl: Kubectl,
) -> None:
    config = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: %s}\ndata: {a: '%s'}\n"
    outputs = [
        await kubectl("apply", "-f", "-", text=config % ("applied", value))
        for value in "112"
    ]

    assert [output.split()[-1] for output in outputs] == [
        "created",
        "unchanged",
        "configured",
    ]


async def test_apply_refuses_a_misspelled_field(kubectl: Kubectl) -> None:
    code, output = await kubectl.run(
        "apply", "-f", "-", text=APP.replace("containers:", "containrs:")
    )

    assert code != 0
    assert 'unknown field "' in output
    assert "containrs" in output


async def test_server_side_apply_reports_conflicts(kubectl: Kubectl) -> None:
    config = "kind: ConfigMap\napiVersion: v1\nmetadata: {name: owned}\ndata: {a: '%s'}"
    mine = ("apply", "--server-side", "-f", "-", "--field-manager")
    await kubectl(*mine, "one", text=config % "1")
    code, output = await kubectl.run(*mine, "two", text=config % "2")

    assert code == 1
    assert "conflict" in output
    assert ".data.a" in output
    await kubectl(*mine, "two", "--force-conflicts", text=config % "2")


async def test_a_rollout_is_followed_and_undone(kubectl: Kubectl) -> None:
    web = ("deployment/web", "-n", "app")
    await kubectl("scale", "--replicas=2", *web)
    scaled = await kubectl("rollout", "status", *web, "--timeout=20s")
    await kubectl("rollout", "restart", *web)
    restarted = await kubectl("rollout", "status", *web, "--timeout=20s")
    history = await kubectl("rollout", "history", *web)
    undone = await kubectl("rollout", "undo", *web)
    await kubectl("rollout", "status", *web, "--timeout=20s")
    await kubectl("scale", "--replicas=1", *web)

    assert "successfully rolled out" in scaled
    assert "successfully rolled out" in restarted
    assert re.findall(r"^\d", history, re.MULTILINE) == ["1", "2"]
    assert "rolled back" in undone


async def test_watching_shows_each_step_of_a_pod(kubectl: Kubectl) -> None:
    async with await kubectl.open("get", "pods", "-w") as process:
        await lines_until(process, "box")
        await kubectl("run", "passing", "--image=box:1")
        await lines_until(process, "Running")
        await kubectl("delete", "pod", "passing", "--grace-period=1")
        seen = await lines_until(process, "Terminating")
        process.kill()

    assert "passing" in seen


async def test_logs_are_shown_and_followed(kubectl: Kubectl) -> None:
    assert await kubectl("logs", "box") == "line 1\nline 2\nline 3\n"
    assert await kubectl("logs", "box", "--tail=1") == "line 3\n"
    async with await kubectl.open("logs", "-f", "box") as process:
        await lines_until(process, "line 3")
        process.kill()


async def test_exec_runs_a_command_and_passes_its_exit_code_on(
    kubectl: Kubectl,
) -> None:
    assert await kubectl("exec", "box", "--", "cat", "/app/hello.txt") == "hello\n"
    code, output = await kubectl.run("exec", "box", "--", "sh", "-c", "exit 7")

    assert code == 7
    assert "exit code 7" in output


async def test_exec_passes_stdin_and_its_end(kubectl: Kubectl) -> None:
    assert await kubectl("exec", "-i", "box", "--", "cat", text="in\n") == "in\n"


async def test_exec_gives_a_terminal(kubectl: Kubectl) -> None:
    script = "test -t 1 && echo a terminal"
    assert shutil.which("script"), "util-linux's script makes a terminal"
    command = f"{kubectl.path} exec -it box -- sh -c '{script}'"
    with anyio.fail_after(20):
        done = await anyio.run_process(
            ["script", "-qec", command, "/dev/null"], env=kubectl._environment
        )

    assert "a terminal" in done.stdout.decode()


async def test_cp_copies_both_ways(kubectl: Kubectl, tmp_path: Path) -> None:
    source = tmp_path / "there.txt"
    source.write_text("to and fro")
    await kubectl("cp", str(source), "box:/tmp/there.txt")
    await kubectl("cp", "box:/tmp/there.txt", str(tmp_path / "back.txt"))

    assert (tmp_path / "back.txt").read_text() == "to and fro"


async def test_a_port_is_forwarded_to_a_service(kubectl: Kubectl) -> None:
    async with await kubectl.open("logs", "-f", "-n", "app", "deploy/web") as process:
        await lines_until(process, "Serving HTTP")
        process.kill()
    forward = ("port-forward", "-n", "app", "service/web", ":80")
    async with await kubectl.open(*forward) as process:
        said = await lines_until(process, "-> 8080")
        found = re.search(r"127\.0\.0\.1:(\d+)", said)
        assert found
        request = b"GET /hello.txt HTTP/1.0\r\n\r\n"
        with anyio.fail_after(10):
            async with await anyio.connect_tcp("127.0.0.1", int(found[1])) as stream:
                await stream.send(request)
                body = b"".join([chunk async for chunk in stream])
        process.kill()

    assert body.endswith(b"hello\n")


async def test_permissions_are_asked_for_real(kubectl: Kubectl) -> None:
    who = "--as=system:serviceaccount:default:default"
    await kubectl("create", "role", "r", "--verb=list", "--resource=pods")
    bind = (
        "create",
        "rolebinding",
        "b",
        "--role=r",
        "--serviceaccount=default:default",
    )
    await kubectl(*bind)
    allowed = await kubectl("auth", "can-i", "list", "pods", who)
    code, refused = await kubectl.run("auth", "can-i", "create", "pods/exec", who)

    assert allowed.strip() == "yes"
    assert (code, refused.split()[0]) == (1, "no")


async def test_tokens_are_made_on_request(kubectl: Kubectl) -> None:
    if await kubectl.version() < 24:
        pytest.skip("this kubectl cannot create tokens")
    token = await kubectl("create", "token", "default")
    _, output = await kubectl.run("get", "secrets", "--token", token.strip())

    # The kubeconfig's own token wins over a flag in some versions, so only its shape.
    assert token.count(".") == 2
    assert output


async def test_an_image_that_is_not_there_is_said(kubectl: Kubectl) -> None:
    await kubectl("run", "missing", "--image=nosuch:1")
    wanted = ("get", "pod", "missing")
    await kubectl.cluster.until(
        lambda: "ImagePullBackOff" in str(kubectl.cluster.get("pod/missing"))
    )
    output = await kubectl(*wanted)
    described = await kubectl("describe", "pod", "missing")
    await kubectl("delete", "pod", "missing", "--force", "--grace-period=0")

    assert re.search("ErrImagePull|ImagePullBackOff", output)
    assert "nosuch:1" in described


async def test_deleting_waits_until_it_is_gone(kubectl: Kubectl) -> None:
    await kubectl("run", "leaving", "--image=box:1")
    await kubectl.cluster.ready("pod/leaving")
    await kubectl("delete", "pod", "leaving", "--grace-period=1")
    code, output = await kubectl.run("get", "pod", "leaving")

    assert code == 1
    assert 'pods "leaving" not found' in output

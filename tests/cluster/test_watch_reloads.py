"""Reloads that fail, by a real uvicorn in a real Pod."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster.kube import MYAPP, Workload
from tests.cluster.watching import Syncd, Watching
from tests.reloading import BROKEN, FILES, MAIN, PORT, PROBE, command


pytestmark = pytest.mark.cluster

REMOTE = "/srv"
WRITE = """
import os, sys
os.chdir(sys.argv[1])
for name, text in zip(sys.argv[2::2], sys.argv[3::2]):
    open(name, "w").write(text)
"""
# Says "open" once the stream has begun, and holds it until its stdin ends.
HOLD = f"""
import sys, urllib.request
with urllib.request.urlopen("http://127.0.0.1:{PORT}/stream") as answer:
    answer.read(1)
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(scope="module")
def web(workload: Callable[..., Workload]) -> Workload:
    """The program in a folder that is a volume, so that it starts with its code."""
    mounts = [{"name": "code", "mountPath": REMOTE}]
    named = [word for name, text in FILES.items() for word in (name, text.decode())]
    write = {
        "name": "write",
        "image": MYAPP,
        "command": ["python3", "-c", WRITE, REMOTE],
        "args": named,
        "volumeMounts": mounts,
    }
    return workload(
        "web",
        image=MYAPP,
        command=command("0.0.0.0"),
        env={"PYTHONUNBUFFERED": "1"},
        container={
            "workingDir": REMOTE,
            "volumeMounts": mounts,
            "readinessProbe": PROBE,
        },
        spec={
            "volumes": [{"name": "code", "emptyDir": {}}],
            "initContainers": [write],
        },
    )


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("local")
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.fixture(scope="module")
def syncd(tmp_path_factory: pytest.TempPathFactory) -> Syncd:
    return Syncd(tmp_path_factory.mktemp("syncd"))


@pytest.fixture(scope="module")
def watching(web: Workload, local: Path, syncd: Syncd) -> Iterator[Watching]:
    """One `syncd watch` for all tests of this module; each leaves the program well."""
    pair = str(local), f"{web.target}:{REMOTE}"
    with syncd.watch(*pair, "-n", web.kube.namespace) as running:
        running.until("syncd.in_step")
        yield running


@contextmanager
def held(web: Workload) -> Iterator[None]:
    """Hold a stream to the program open."""
    (pod,) = web.pods()
    name = pod["metadata"]["name"]
    line = ["kubectl", "-n", web.kube.namespace, "exec", "-i", name, "-c", "app"]
    with subprocess.Popen(
        [*line, "--", "python3", "-c", HOLD],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            assert process.stdout.readline() == b"open\n"
            yield
        finally:
            process.stdin.close()
            process.kill()


def test_code_that_does_not_start_is_told_with_its_place(
    watching: Watching, local: Path
) -> None:
    (local / "main.py").write_text(BROKEN)
    failed = watching.until("reload.failed")
    (local / "main.py").write_text(MAIN)
    mended = watching.until("batch.ready")

    assert failed["error"] == "ModuleNotFoundError: No module named 'no_such_module'"
    assert failed["path"] == f"{REMOTE}/main.py"
    assert failed["line"] == len(BROKEN.splitlines())
    assert mended["batch"] not in failed["batches"]
    assert mended["probe"] == f"GET http://:{PORT}/"


def test_a_change_that_the_program_missed_is_provoked_once(
    watching: Watching, local: Path
) -> None:
    watching.skip()
    (local / "new.py").write_text("1\n")
    missed = watching.until("reload.missed", path="new.py")
    reloaded = watching.until("batch.reloaded", batch=missed["batch"])
    watching.until("batch.ready", batch=missed["batch"])

    assert reloaded["reloaded_ms"] > 0
    assert len(watching.all("reload.missed", batch=missed["batch"])) == 1


def test_a_reload_that_hangs_on_an_open_stream_is_named(
    watching: Watching, local: Path, web: Workload
) -> None:
    watching.skip()
    with held(web):
        (local / "main.py").write_text(MAIN + "# once more\n")
        hung = watching.until("reload.hung")
    (number,) = hung["batches"]
    watching.until("batch.ready", batch=number)

    assert hung["server"] == "uvicorn"
    assert "--timeout-graceful-shutdown" in hung["hint"]


def test_a_wait_for_ready_ends_with_the_program_that_serves_or_does_not_start(
    watching: Watching, syncd: Syncd, local: Path
) -> None:
    watching.skip()
    wait = ("wait", "--ready", "--timeout", "60")
    (local / "main.py").write_text(f"{MAIN}# edited\n")
    served = syncd.call(*wait, cwd=local)
    assert served.code == 0, served.out
    watching.until("batch.ready", batch=json.loads(served.out)["batch"])

    (local / "main.py").write_text(BROKEN)
    broken = syncd.call(*wait, cwd=local)
    assert broken.code == 4, broken.out
    assert "does not start with the new code: ModuleNotFoundError" in broken.message

    (local / "main.py").write_text(MAIN)
    mended = syncd.call(*wait, cwd=local)
    assert mended.code == 0, mended.out

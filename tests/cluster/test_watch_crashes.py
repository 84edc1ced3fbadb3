"""Programs that die while people edit: out of memory, in a crash loop; and Ctrl-C."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.cluster.edits import Editor, any_seed, save, whole
from tests.cluster.kube import MYAPP, Kube, Object, Workload
from tests.cluster.line import Line
from tests.cluster.looking import until_equal
from tests.cluster.watching import Syncd, Watching


pytestmark = [pytest.mark.cluster, pytest.mark.timeout(180)]

Make = Callable[..., Workload]
Watch = Callable[..., AbstractContextManager[Watching]]

VOLUME = {"name": "app", "emptyDir": {}}
PROMPTLY_S = 3.0  # a second is promised, on a machine that does nothing else

# Dies of hunger for memory once, when it is told to by a file.
HUNGRY = """
import os, time
while True:
    if os.path.exists("/srv/eat") and not os.path.exists("/app/eaten"):
        open("/app/eaten", "w").close()
        eaten = b"x" * (1 << 30)
    time.sleep(0.05)
"""


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "local"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(kube: Kube, local: Path, tmp_path: Path) -> Watch:
    """Runs `syncd watch` on a workload, from when it is in step."""

    @contextmanager
    def watch(
        workload: Workload, remote: str, line: Line | None = None
    ) -> Iterator[Watching]:
        target = f"{workload.target}:{remote}", "-n", kube.namespace
        server = f"https://{line.address}" if line else None
        config = kube.kubeconfig(tmp_path / "config", server=server)
        with Syncd(tmp_path / "home", config).watch(str(local), *target) as watching:
            yield watching

    return watch


def status(workload: Workload) -> Object:
    """Return the status of the only container of a workload."""
    (pod,) = workload.pods()
    found: Object = pod["status"]["containerStatuses"][0]
    return found


def ended_with(workload: Workload) -> str:
    """Return why its container ended, while it waits to be started again."""
    state = status(workload)["state"]
    return str(state.get("terminated", {}).get("reason", ""))


def test_edits_outlive_a_container_that_runs_out_of_memory(
    workload: Make, local: Path, watch: Watch
) -> None:
    hungry = workload(
        "hungry",
        command=("python3", "-c", HUNGRY),
        container={
            "resources": {"limits": {"memory": "100Mi"}},
            "volumeMounts": [{"name": "app", "mountPath": "/app"}],
        },
        spec={"volumes": [VOLUME]},
    )
    editor = Editor(local, any_seed())
    with watch(hungry, "/srv") as watching:
        watching.until("syncd.in_step")
        editor.edit(20)
        (local / "eat").touch()
        watching.until("session.lost")
        editor.edit(20)
        watching.until("session.reconciled")
        editor.edit(20)

        until_equal(hungry, local, "/srv", story=watching.story)
        # The kubelet may tell of it later than syncd is in the new container.
        while "terminated" not in status(hungry)["lastState"]:
            assert watching.process.poll() is None
    assert status(hungry)["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert status(hungry)["restartCount"] == 1


def test_a_crash_loop_ends_with_the_next_good_save(
    workload: Make, local: Path, watch: Watch
) -> None:
    """`uvicorn` without `--reload`, and a volume that keeps the error."""
    mount = [{"name": "app", "mountPath": "/app"}]
    fill = {"name": "fill", "image": MYAPP, "volumeMounts": [{**mount[0]}]}
    fill["volumeMounts"] = [{"name": "app", "mountPath": "/new"}]
    fill["command"] = ["sh", "-c", "cp /app/main.py /new; chmod 644 /new/main.py"]
    server = ["uvicorn", "main:app", "--host=0.0.0.0", "--port=8080"]
    web = workload(
        "crashing",
        image=MYAPP,
        command=server,
        container={"volumeMounts": mount},
        spec={"volumes": [VOLUME], "initContainers": [fill]},
    )
    good = web.sh("cat /app/main.py").encode()
    save(local / "main.py", good)
    with watch(web, "/app") as watching:
        watching.until("syncd.in_step")
        save(local / "main.py", good + b"this is no Python")
        watching.until("batch.done")
        web.end()
        while "Error" not in ended_with(web):
            assert watching.process.poll() is None

        save(local / "main.py", good + b"# mended\n")
        cache = [b"__pycache__"]
        until_equal(
            web, local, "/app", story=watching.story, without=cache, within_s=120
        )
        web.kube("rollout", "status", web.target, "--timeout=60s")
    assert "running" in status(web)["state"]


@pytest.fixture(scope="module")
def web(workload: Make) -> Workload:
    return workload("web")


def test_ctrl_c_ends_it_at_once(web: Workload, local: Path, watch: Watch) -> None:
    with watch(web, "/mnt") as watching:
        watching.until("syncd.in_step")
        took_s = watching.interrupt()

    assert took_s < PROMPTLY_S
    assert watching.process.returncode == 0


def test_ctrl_c_in_the_middle_of_a_batch_leaves_the_old_file(
    kube: Kube, web: Workload, local: Path, watch: Watch
) -> None:
    web.sh("echo old > /opt/big.py")
    with (local / "big.py").open("wb") as file:
        for _ in range(300):
            file.write(os.urandom(1 << 20))
    with Line.to_the_api_server(kube) as line, watch(web, "/opt", line) as watching:
        watching.until("session.connected")
        line.carried(20 << 20)
        took_s = watching.interrupt()
        left = web.sh("cat /opt/big.py")

    assert took_s < PROMPTLY_S
    assert watching.process.returncode == 0
    assert left == "old\n"

    # What the batch had staged goes when the next agent looks.
    save(local / "big.py", whole(b"small"))
    with watch(web, "/opt") as watching:
        watching.until("syncd.in_step")
        until_equal(web, local, "/opt", story=watching.story)


def test_sigterm_ends_it_as_ctrl_c_does(
    web: Workload, local: Path, watch: Watch
) -> None:
    with watch(web, "/srv") as watching:
        watching.until("syncd.in_step")
        watching.process.terminate()
        watching.process.wait(20)

    assert watching.process.returncode == 0

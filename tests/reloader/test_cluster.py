"""In a real Pod: PID 1 of a container, with a kubelet that looks on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from syncd.reloader import source
from tests.cluster.kube import MYAPP, Kube, Workload, fresh_namespace
from tests.cluster.watching import Syncd
from tests.reloader.running import asgi


pytestmark = pytest.mark.cluster

COMMAND = ("python3", "/opt/reloader/reloader.py", "--")
SERVER = ("uvicorn", "main:app", "--host", "0.0.0.0", "--port", "8080")

# What the agent is: a process of the same user, on the control socket.
REPORT = """
import json, os, socket, sys, urllib.request
with open("/srv/main.py.new", "w") as file:
    file.write(sys.argv[1])
os.replace("/srv/main.py.new", "/srv/main.py")
line = socket.socket(socket.AF_UNIX)
line.connect("/tmp/.syncd-reloader-%d.sock" % os.getuid())
with line.makefile("rw") as file:
    file.write(json.dumps({"op": "batch", "id": 1, "changed": ["/srv/main.py"]}) + "\\n")
    file.flush()
    answer = json.loads(file.readline())
with urllib.request.urlopen("http://127.0.0.1:8080") as response:
    answer["body"] = response.read().decode()
states = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    with open("/proc/%s/stat" % pid) as file:
        states.append(file.read().rpartition(")")[2].split()[0])
answer["zombies"] = states.count("Z")
print(json.dumps(answer))
"""

HUNGRY = asgi("one").replace(
    'if scope["type"]',
    'if scope.get("path") == "/eat": ALL = [bytearray(1 << 20) for _ in range(999)]\n'
    '    if scope["type"]',
)


@pytest.fixture(scope="module")
def kube() -> Iterator[Kube]:
    with fresh_namespace("syncd-rl") as name:
        kube = Kube(name)
        config_map = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "reloader"},
            "data": {"reloader.py": source()},
        }
        kube("create", "-f", "-", stdin=json.dumps(config_map))
        yield kube


def deploy(kube: Kube, name: str, program: str, **spec: Any) -> Workload:
    """Run `program` under the reloader, as PID 1."""
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    write = {
        "name": "write",
        "image": MYAPP,
        "command": [
            "python3",
            "-c",
            "import sys; open('/srv/main.py', 'w').write(sys.argv[1])",
        ],
        "args": [program],
        "volumeMounts": [{"name": "code", "mountPath": "/srv"}],
    }
    mounts = [
        {"name": "reloader", "mountPath": "/opt/reloader"},
        {"name": "code", "mountPath": "/srv"},
    ]
    return Workload(
        kube,
        name,
        image=MYAPP,
        command=(*COMMAND, *SERVER),
        container={
            "workingDir": "/srv",
            "volumeMounts": mounts,
            "readinessProbe": probe,
            "resources": {"limits": {"memory": "256Mi"}},
        },
        spec={
            "volumes": [
                {"name": "reloader", "configMap": {"name": "reloader"}},
                {"name": "code", "emptyDir": {}},
            ],
            "initContainers": [write],
            "terminationGracePeriodSeconds": 20,
            **spec,
        },
    )


def python(workload: Workload, code: str, *args: str) -> str:
    (pod, *_) = workload.pods()
    name = pod["metadata"]["name"]
    return workload.kube("exec", name, "-c", "app", "--", "python3", "-c", code, *args)


def last_end(workload: Workload) -> dict[str, Any]:
    """Return how the container ended that ran before this one, when it has."""
    while True:
        (status,) = workload.pods()[0]["status"]["containerStatuses"]
        end = status["lastState"].get("terminated") or status["state"].get("terminated")
        if end:
            found: dict[str, Any] = end
            return found


def test_a_pod_serves_an_edit_and_leaves_no_zombie(kube: Kube) -> None:
    workload = deploy(kube, "edited", asgi("one")).apply()

    for answer in ("two", "three", "four"):
        outcome = json.loads(python(workload, REPORT, asgi(answer)))
        assert outcome["op"] == "serving"
        assert outcome["body"] == answer
        assert outcome["zombies"] == 0


def test_syncd_tells_it_of_an_edit_and_reports_what_came_of_it(
    kube: Kube, tmp_path: Path
) -> None:
    workload = deploy(kube, "synced", asgi("one")).apply()
    folder = tmp_path / "code"
    folder.mkdir()
    main = folder / "main.py"
    main.write_text(asgi("one"))
    pair = str(folder), f"{workload.target}:/srv"
    ask = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8080').read())"

    with Syncd(tmp_path / "home").watch(*pair, "-n", kube.namespace) as watching:
        watching.until("syncd.in_step")
        main.write_text(asgi("two"))
        served = watching.until("batch.reloaded")
        answer = python(workload, ask)
        main.write_text("import nothing_of_that_name\n")
        failed = watching.until("reload.failed")
        main.write_text(asgi("three"))
        watching.until("batch.reloaded")
        mended = python(workload, ask)

    assert served["steps"]["total_ms"] > 0
    assert "two" in answer
    assert failed["error"].startswith("ModuleNotFoundError")
    assert (failed["path"], failed["line"]) == ("/srv/main.py", 1)
    assert "three" in mended


def test_a_kubelet_sees_a_server_that_ended_well(kube: Kube) -> None:
    workload = deploy(kube, "ended", asgi("one")).apply()

    workload.sh("kill -TERM 1")

    assert last_end(workload)["exitCode"] == 0


def test_a_pod_that_is_deleted_ends_by_itself_and_not_by_force(kube: Kube) -> None:
    workload = deploy(kube, "gone", asgi("one")).apply()
    name = workload.pods()[0]["metadata"]["name"]

    kube("delete", "pod", name, "--wait=false")

    end: dict[str, Any] = {}
    while not end:
        (status,) = kube.get("pod", name)["status"]["containerStatuses"]
        end = status["state"].get("terminated", {})
    assert end["exitCode"] == 0


def test_a_program_that_cannot_start_crashes_in_a_loop_as_before(kube: Kube) -> None:
    workload = deploy(kube, "crashing", "import sys; sys.exit(7)").apply(wait=False)
    kube("wait", "pod", "-l", "app=crashing", "--for=condition=Initialized")

    assert last_end(workload)["exitCode"] == 7


def test_a_generation_that_eats_too_much_is_killed_and_the_container_with_it(
    kube: Kube,
) -> None:
    workload = deploy(kube, "hungry", HUNGRY).apply()
    eat = "import urllib.request as r; r.urlopen('http://127.0.0.1:8080/eat')"

    (pod, *_) = workload.pods()
    kube("exec", pod["metadata"]["name"], "--", "python3", "-c", eat, check=False)

    assert last_end(workload)["exitCode"] == 137

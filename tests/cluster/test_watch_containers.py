"""Containers as they are found: other users, locked folders, full disks, no Python."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.cluster.edits import READER, Editor, any_seed, save, whole
from tests.cluster.kube import BUSYBOX, MYAPP, Kube, Workload
from tests.cluster.looking import until_equal
from tests.cluster.watching import Syncd, Watching


pytestmark = pytest.mark.cluster

NOBODY = {"runAsUser": 65534, "runAsGroup": 65534}
WORK = {"name": "work", "emptyDir": {}}
AT_WORK = {"name": "work", "mountPath": "/work"}

Make = Callable[..., Workload]
Watch = Callable[..., AbstractContextManager[Watching]]


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "local"
    folder.mkdir()
    return folder


@pytest.fixture
def watch(kube: Kube, local: Path, tmp_path: Path) -> Watch:
    """Runs `syncd watch` on a workload, from when it is in step."""

    @contextmanager
    def watch(workload: Workload, remote: str, *options: str) -> Iterator[Watching]:
        target = f"{workload.target}:{remote}", "-n", kube.namespace
        with Syncd(tmp_path / "home").watch(str(local), *target, *options) as watching:
            watching.until("syncd.in_step")
            yield watching

    return watch


def test_a_program_that_is_not_root_serves_every_save(
    workload: Make, local: Path, watch: Watch
) -> None:
    web = workload("myapp", image=MYAPP, container={"command": None})
    (pod,) = (pod["metadata"]["name"] for pod in web.pods())
    program = web.kube("exec", pod, "--", "cat", "main.py")

    def served() -> str:
        path = f"/api/v1/namespaces/{web.kube.namespace}/pods/{pod}:8080/proxy/"
        said = web.kube("get", "--raw", path, check=False)
        return str(json.loads(said)["message"]) if said.startswith("{") else said

    with watch(web, "/app") as watching:
        for message in ("one", "two", "six"):  # alike in size, within a second
            save(local / "main.py", program.replace("from the image", message).encode())
            watching.until("batch.done", failed=0)
        connected = watching.all("session.connected")[0]
        # Only the program's own start is waited for here.
        while served() != "hello six":
            assert watching.process.poll() is None

        until_equal(web, local, "/app", without=[b"__pycache__"])
    assert connected["user"] == "app"
    assert watching.all("path.failed") == []


def test_files_are_written_in_place_where_the_folder_is_not_ours(
    workload: Make, local: Path, watch: Watch
) -> None:
    seed = "mkdir /work/app; echo old > /work/app/main.py; chmod 666 /work/app/main.py"
    locked = workload(
        "locked",
        container={"volumeMounts": [AT_WORK], "securityContext": NOBODY},
        spec={"volumes": [WORK], "initContainers": [initial(seed)]},
    )
    (local / "main.py").write_text("new\n")

    with watch(locked, "/work/app") as watching:
        noted = watching.all("path.noted")
        (local / "main.py").write_text("newer and longer\n")
        (local / "more.py").write_text("no room for it\n")
        failed = watching.until("path.failed")
        watching.until("batch.done", failed=1)
        written = locked.sh("cd /work/app; cat *")

    assert ("main.py", "in-place") in [(note["path"], note["code"]) for note in noted]
    assert (failed["path"], failed["code"]) == ("more.py", "permission-denied")
    assert failed["hint"]
    assert written == "newer and longer\n"


def initial(script: str) -> dict[str, object]:
    """Return an init container that runs a script as root."""
    return {
        "name": "seed",
        "image": BUSYBOX,
        "command": ["sh", "-c", script],
        "volumeMounts": [AT_WORK],
    }


def test_a_read_only_root_with_one_writable_folder_is_enough(
    workload: Make, local: Path, watch: Watch
) -> None:
    sealed = workload(
        "sealed",
        container={
            "volumeMounts": [AT_WORK],
            "securityContext": {**NOBODY, "readOnlyRootFilesystem": True},
        },
        spec={"volumes": [WORK], "securityContext": {"fsGroup": 65534}},
    )
    editor = Editor(local, any_seed())

    with watch(sealed, "/work") as watching:
        editor.edit(60)
        until_equal(sealed, local, "/work", story=watching.story)

    assert watching.all("path.failed") == []


def test_what_cannot_be_written_is_named_and_left_as_it_was(
    workload: Make, local: Path, watch: Watch
) -> None:
    sealed = workload(
        "closed", container={"securityContext": {"readOnlyRootFilesystem": True}}
    )
    (local / "main.py").write_text("x = 1\n")

    with watch(sealed, "/srv") as watching:
        (failed,) = watching.all("path.failed")

    assert (failed["path"], failed["code"]) == ("main.py", "read-only")
    assert "emptyDir" in failed["hint"]
    assert sealed.sh("ls -A /srv") == ""


def test_a_full_disk_keeps_the_old_file_and_takes_the_rest(
    workload: Make, local: Path, watch: Watch
) -> None:
    script = "mount -t tmpfs -o size=1m tmpfs /srv; echo old > /srv/big.py; sleep 9999"
    full = workload(
        "full",
        command=("sh", "-c", script),
        container={"securityContext": {"privileged": True}},
    )
    (local / "big.py").write_bytes(whole(bytes(5_000_000)))

    with watch(full, "/srv") as watching:
        (failed,) = watching.all("path.failed")
        (local / "small.py").write_bytes(whole(b""))
        watching.until("batch.done", where=lambda e: "small.py" in e["paths"])
        kept = full.sh("cat /srv/big.py; ls -A /srv")
        save(local / "big.py", whole(b"fits again"))
        until_equal(full, local, "/srv", story=watching.story)

    assert (failed["path"], failed["code"]) == ("big.py", "disk-full")
    assert failed["hint"]
    assert kept == "old\nbig.py\nsmall.py\n"


def test_a_container_without_python_is_kept_in_step_by_its_shell(
    workload: Make, local: Path, watch: Watch
) -> None:
    box = workload("box", image=BUSYBOX)
    editor = Editor(local, any_seed())
    editor.edit(40)

    with watch(box, "/home") as watching:
        until_equal(box, local, "/home", story=watching.story)
        for _ in range(5):
            editor.edit(20)
            until_equal(box, local, "/home", story=watching.story)
        box.end()
        editor.edit(20)
        until_equal(box, local, "/home", story=watching.story)

    assert "busybox" in watching.all("session.connected")[0]["via"]
    assert watching.all("session.limited")[0]["limits"]
    assert watching.all("path.failed") == []


def test_five_replicas_get_every_edit(
    workload: Make, local: Path, watch: Watch
) -> None:
    many = workload("many", replicas=5, command=("python3", "-c", READER, "/srv"))
    editor = Editor(local, any_seed())

    with watch(many, "/srv") as watching:
        for _ in range(5):
            editor.edit(20)
            watching.until("batch.done")
        until_equal(many, local, "/srv", story=watching.story, replicas=5)

    assert {event["replicas"] for event in watching.all("batch.done")} == {5}
    log = many.kube("logs", "-l", "app=many", "--tail=-1", "--max-log-requests=5")
    assert "TORN" not in log

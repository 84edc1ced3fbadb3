"""What people do all day, through a real `syncd watch` into a real container."""

import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cluster.edits import READER, Editor, any_seed, remove, save, whole
from tests.cluster.kube import Kube, Workload
from tests.cluster.looking import until_equal
from tests.cluster.watching import Syncd, Watching


pytestmark = pytest.mark.cluster

REMOTE = "/srv"


@pytest.fixture(scope="module")
def web(workload: Callable[..., Workload]) -> Workload:
    return workload("web", command=("python3", "-c", READER, REMOTE))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("local")


@pytest.fixture(scope="module")
def running(
    web: Workload, local: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Watching]:
    """One `syncd watch` for all tests of this module."""
    pair = str(local), f"{web.target}:{REMOTE}"
    syncd = Syncd(tmp_path_factory.mktemp("syncd"))
    with syncd.watch(*pair, "-n", web.kube.namespace) as watching:
        watching.until("syncd.in_step")
        yield watching


@pytest.fixture
def watching(running: Watching, local: Path, web: Workload) -> Iterator[Watching]:
    """The same, with nothing under way and nothing in the folder."""
    for path in local.iterdir():
        remove(path)
    until_equal(web, local, REMOTE, story=running.story)
    running.skip()
    yield running
    assert not running.all("error"), running.story()
    assert not running.all("session.lost"), running.story()


def test_a_save_is_one_batch_with_its_time_by_steps(
    watching: Watching, local: Path, web: Workload
) -> None:
    (local / "some.cfg").write_bytes(b"x = 1\n")

    done = watching.until("batch.done")
    assert done["paths"] == ["some.cfg"]
    assert (done["files"], done["deleted"]) == (1, 0)
    assert (done["replicas"], done["behind"], done["failed"]) == (1, 0, 0)
    steps = ("settled", "scanned", "packed", "sent", "applied")
    assert 0 < sum(done[f"{step}_ms"] for step in steps) <= done["total_ms"] + 1
    assert web.sh(f"cat {REMOTE}/some.cfg") == "x = 1\n"


def test_any_edits_converge(watching: Watching, local: Path, web: Workload) -> None:
    editor = Editor(local, any_seed())
    for burst in (1, 30, 5, 60, 1, 100, 1):
        editor.edit(burst)

        until_equal(web, local, REMOTE, story=watching.story)


def test_nobody_ever_sees_a_partial_module(
    watching: Watching, local: Path, web: Workload
) -> None:
    for size in random.Random(1).choices((0, 100, 100_000, 1_000_000), k=60):
        for name in ("a.py", "b.py"):
            save(local / name, whole(os.urandom(size)))
    until_equal(web, local, REMOTE, story=watching.story)

    (pod,) = web.pods()
    said = web.kube("logs", pod["metadata"]["name"]).splitlines()
    assert "LOOKED 2" in said
    assert not [line for line in said if "TORN" in line]


def test_vim_saves_in_one_batch_with_the_one_file(
    watching: Watching, local: Path, web: Workload
) -> None:
    if not shutil.which("vim"):
        pytest.skip("vim is not installed")
    file = local / "some.cfg"
    file.write_text("x = 1\n")
    watching.until("batch.done")

    keys = ["-c", "%s/1/2/", "-c", "wq"]
    options = ["-u", "NONE", "-c", "set backup writebackup backupcopy=no swapfile"]
    subprocess.run(
        ["vim", "-es", *options, *keys, file], check=True, timeout=20, cwd=local
    )

    done = watching.until("batch.done")
    assert done["paths"] == ["some.cfg"]
    until_equal(web, local, REMOTE, without=[b"some.cfg~"])
    assert web.sh(f"cat {REMOTE}/some.cfg; ls -A {REMOTE}").split("\n") == [
        "x = 2",
        "some.cfg",
        "",
    ]


def test_a_checkout_of_500_files_is_a_batch_or_two(
    watching: Watching, local: Path, web: Workload
) -> None:
    def git(*args: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "gc.auto=0")
        subprocess.run(["git", *who, *args], cwd=local, check=True, timeout=60)

    def grow(branch: str) -> None:
        git("checkout", "-q", "-b", branch)
        for number in range(500):
            file = local / f"package_{number % 20}" / f"module_{number}.py"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(whole(f"{branch} {number}".encode()))
        (local / f"only_on_{branch}.py").write_bytes(whole(b""))
        git("add", ".")
        git("commit", "-q", "-m", branch)

    git("init", "-q", "-b", "trunk")
    grow("one")
    git("rm", "-q", "only_on_one.py")
    grow("two")
    until_equal(web, local, REMOTE, without=[b".git"], story=watching.story)
    watching.skip()
    before = len(watching.all("batch.done"))

    git("checkout", "-q", "one")
    until_equal(web, local, REMOTE, without=[b".git"], story=watching.story)

    batches = watching.all("batch.done")[before:]
    assert 1 <= len(batches) <= 3
    assert sum(batch["files"] for batch in batches) <= 520
    until_equal(web, local, REMOTE, without=[b".git"], story=watching.story)


def test_a_folder_that_vanishes_empties_nothing_and_comes_back(
    kube: Kube, web: Workload, tmp_path: Path
) -> None:
    folder, aside = tmp_path / "app", tmp_path / "aside"
    folder.mkdir()
    save(folder / "main.py", whole(b"1"))
    web.sh("mkdir /opt/app")
    pair = str(folder), f"{web.target}:/opt/app"
    with Syncd(tmp_path / "syncd").watch(*pair, "-n", kube.namespace) as watching:
        watching.until("syncd.in_step")

        folder.rename(aside)
        lost = watching.until("watch.root_lost")
        kept = web.sh("ls /opt/app")
        save(aside / "main.py", whole(b"2"))
        save(aside / "new.py", whole(b"3"))
        aside.rename(folder)
        watching.until("watch.root_found")
        until_equal(web, folder, "/opt/app", story=watching.story)

        shutil.rmtree(folder)
        watching.until("watch.root_lost")
        folder.mkdir()
        watching.until("watch.root_found")
        save(folder / "after.py", whole(b"4"))
        watching.until("batch.done", where=lambda e: "after.py" in e["paths"])
        until_equal(web, folder, "/opt/app", story=watching.story)

    assert lost["root"] == str(folder)
    assert lost["hint"]
    assert kept.split() == ["main.py"]

"""What a user meets, one scene each, on the embedded cluster."""

import os
import shutil
from pathlib import Path

import pytest

from syncd.events import (
    BatchDone,
    Failed,
    InStep,
    PathFailed,
    PathsKept,
    PathSkipped,
    SessionLimited,
    SessionReconciled,
    SessionRefused,
)
from syncd.loopback.dialect import Dialect
from syncd.loopback.image import Tools
from tests.endtoend.scene import NAMESPACE, contents, scene


@pytest.mark.parametrize("tools", ["sh", "busybox"])
@pytest.mark.parametrize("dialect", Dialect)
async def test_a_container_without_python_is_kept_in_step_by_its_shell(
    tmp_path: Path, tools: Tools, dialect: Dialect
) -> None:
    files = {"main.py": b"x = 1\n", "odd\nname": b"1"}
    async with scene(
        tmp_path, tools=tools, dialect=dialect, image_files=files
    ) as stage:
        (stage.folder / "main.py").write_text("x = 2\n")
        (stage.folder / "pkg").mkdir()
        (stage.folder / "pkg" / "with space").write_bytes(b"\x00" * 100_000)
        (stage.folder / "odd\nname").unlink()
        await stage.until_equal()
        (stage.folder / "pkg").rename(stage.folder / "moved")
        (stage.folder / "main.py").unlink()
        (stage.folder / "main.py").symlink_to("moved")
        await stage.until_equal()

        limits = stage.heard(SessionLimited)

    assert "no Python in the container" in limits[0].limits


async def test_a_container_without_a_shell_is_refused_with_what_was_looked_for(
    tmp_path: Path,
) -> None:
    async with scene(
        tmp_path, tools="none", command=("pause", "100000"), until=SessionRefused
    ) as stage:
        refused = stage.heard(SessionRefused)[0]

    assert "neither Python" in refused.reason
    assert "python3" in refused.reason
    assert refused.hint


async def test_every_replica_gets_the_edit_and_new_ones_too(tmp_path: Path) -> None:
    async with scene(tmp_path, replicas=3) as stage:
        (stage.folder / "a.py").write_text("1")
        await stage.until(lambda: stage.heard(BatchDone))
        assert stage.heard(BatchDone)[0].replicas == 3
        deployment = stage.cluster.get("deployment/web", namespace=NAMESPACE)
        assert deployment is not None
        await stage.cluster.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "web"},
                "spec": deployment["spec"] | {"replicas": 5},
            }
        )
        await stage.until(lambda: len(stage.containers()) == 5)
        await stage.until_equal()


async def test_what_the_program_writes_is_left_alone(tmp_path: Path) -> None:
    async with scene(tmp_path, image_files={"main.py": b"1"}) as stage:
        (there,) = stage.containers()
        (there / "data.db").write_bytes(b"rows")
        (stage.folder / "main.py").write_text("2")
        await stage.until(lambda: stage.heard(BatchDone))
        stage.cluster.faults.link.cut()
        await stage.until(lambda: len(stage.heard(SessionReconciled)) == 2)
        (stage.folder / "other.py").write_text("3")
        await stage.until(lambda: len(stage.heard(BatchDone)) == 2)

        found = contents(there)
        kept = stage.heard(PathsKept)

    assert found[b"data.db"][2] == b"rows"
    assert [event.paths for event in kept] == [(b"data.db",)]


async def test_what_was_taken_away_in_the_container_is_back_with_the_next_edit(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as stage:
        pkg, script = stage.folder / "pkg", stage.folder / "run.sh"
        pkg.mkdir()
        (pkg / "a.py").write_text("1")
        script.write_text("1")
        await stage.until_equal()
        (there,) = stage.containers()

        shutil.rmtree(there / "pkg")
        (pkg / "a.py").write_text("2")
        await stage.until_equal()

        shutil.rmtree(there / "pkg")
        (there / "pkg").write_text("no folder")
        (pkg / "a.py").write_text("3")
        await stage.until_equal()

        (there / "run.sh").unlink()
        script.chmod(0o755)
        await stage.until_equal()

        assert not stage.heard(PathFailed)


@pytest.mark.parametrize("mode", ["one-way-safe", "one-way-replica"])
async def test_what_is_ignored_from_now_on_stays_in_the_containers(
    tmp_path: Path, mode: str
) -> None:
    files = {"uploads.db": b"1", "main.py": b"1"}
    async with scene(tmp_path, image_files=files, mode=mode) as stage:
        (there,) = stage.containers()
        (stage.folder / "data").mkdir()
        (stage.folder / "data" / "x").write_text("1")
        await stage.until_equal()
        synced = contents(there)
        stage.events.clear()
        (stage.folder / ".syncdignore").write_text("data/\nuploads.db\n")
        await stage.until((there / ".syncdignore").exists)
        (stage.folder / "data" / "x").write_text("2")
        (stage.folder / "uploads.db").unlink()
        (stage.folder / "main.py").unlink()
        await stage.until(lambda: not (there / "main.py").exists())
        stage.cluster.faults.link.cut()
        await stage.until(lambda: stage.heard(SessionReconciled))

        found = contents(there)

    assert {name: synced[name] for name in (b"data", b"data/x", b"uploads.db")} == {
        name: found.get(name) for name in (b"data", b"data/x", b"uploads.db")
    }
    done = stage.heard(BatchDone)
    assert sum(batch.files for batch in done) == 1
    assert sum(batch.deleted for batch in done) == 1


async def test_a_replica_holds_nothing_that_is_not_here(tmp_path: Path) -> None:
    async with scene(tmp_path, mode="one-way-replica") as stage:
        (there,) = stage.containers()
        (there / "stray" / "deep").mkdir(parents=True)
        (there / "stray" / "deep" / "file").write_bytes(b"1")
        stage.cluster.faults.link.cut()
        await stage.until(lambda: not (there / "stray").exists())


@pytest.mark.parametrize("tools", ["python", "busybox"])
async def test_a_folder_of_a_replica_that_goes_stays_for_what_is_ignored_in_it(
    tmp_path: Path, tools: Tools
) -> None:
    async with scene(tmp_path, mode="one-way-replica", tools=tools) as stage:
        (there,) = stage.containers()
        for name in ("pkg/a.py", "whole/a.py", ".syncdignore"):
            (stage.folder / name).parent.mkdir(exist_ok=True)
            (stage.folder / name).write_text("*.sqlite\nuploads/\n")
        await stage.until_equal()
        (there / "pkg" / "uploads").mkdir()
        for name in ("pkg/.env", "pkg/rows.sqlite", "pkg/uploads/1", "whole/stray"):
            (there / name).write_text("theirs")
        for name in ("pkg", "whole"):
            shutil.rmtree(stage.folder / name)
        gone = (there / "pkg" / "a.py", there / "whole")
        await stage.until(lambda: not any(path.exists() for path in gone))
        await stage.stop()
        stage.events.clear()
        await stage.start()
        await stage.until(lambda: stage.heard(SessionReconciled))

        found = set(contents(there))

    assert found == {
        b".syncdignore",
        b"pkg",
        b"pkg/.env",
        b"pkg/rows.sqlite",
        b"pkg/uploads",
        b"pkg/uploads/1",
    }
    assert stage.heard(PathFailed) == []


async def test_a_folder_that_vanishes_empties_nothing(tmp_path: Path) -> None:
    async with scene(tmp_path, image_files={"main.py": b"1"}) as stage:
        away = stage.folder.with_name("away")
        stage.folder.rename(away)
        await stage.until(lambda: "watch.root_lost" in {e.name for e in stage.events})
        (there,) = stage.containers()
        assert (there / "main.py").exists()

        away.rename(stage.folder)
        (stage.folder / "main.py").write_text("2")
        await stage.until_equal()


async def test_a_new_pod_gets_what_it_lacks_once_the_local_folder_is_back(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as stage:
        (stage.folder / "main.py").write_bytes(bytes(100_000))  # not kept in memory
        await stage.until_equal()
        away = stage.folder.with_name("away")
        stage.folder.rename(away)
        await stage.until(lambda: "watch.root_lost" in {e.name for e in stage.events})
        (pod,) = stage.pods()
        name = f"pod/{pod['metadata']['name']}"
        stage.cluster.delete(name, namespace=NAMESPACE, grace_s=0)
        await stage.until(lambda: stage.heard(PathFailed))

        away.rename(stage.folder)
        await stage.until_equal()

        assert [event.code for event in stage.heard(PathFailed)] == ["unread"]


async def test_what_was_deleted_while_syncd_was_not_running_goes_when_it_is(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, image_files={"a": b"1", "b": b"2"}) as stage:
        await stage.stop()
        (stage.folder / "a").unlink()
        stage.events.clear()
        await stage.start()
        await stage.until(lambda: stage.heard(InStep))

        assert stage.is_equal()


async def test_a_log_that_grows_whenever_it_is_read_stays_in_the_containers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readv = os.readv

    def grow_then_read(fd: int, buffers: list[memoryview]) -> int:
        with log.open("ab") as stream:
            stream.write(b"2")
        return readv(fd, buffers)

    files = {"log": b"1" * 300_000}
    async with scene(tmp_path, image_files=files) as stage:
        log = stage.folder / "log"
        (there,) = stage.containers()
        await stage.stop()
        stage.events.clear()
        monkeypatch.setattr(os, "readv", grow_then_read)
        await stage.start()
        await stage.until(lambda: stage.heard(InStep))
        assert (there / "log").read_bytes() == files["log"]

        monkeypatch.undo()
        await stage.until_equal()

    assert [event.path for event in stage.heard(PathSkipped)] == [b"log"]
    assert sum(event.deleted for event in stage.heard(SessionReconciled)) == 0


async def test_an_empty_folder_in_the_place_of_the_local_one_empties_nothing(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, image_files={"main.py": b"1"}) as stage:
        stage.folder.rename(tmp_path / "away")
        await stage.until(lambda: "watch.root_lost" in {e.name for e in stage.events})
        stage.folder.mkdir()
        await stage.until(lambda: stage.heard(Failed))
        (there,) = stage.containers()

        assert (there / "main.py").exists()
        assert "replaced by an empty one" in stage.heard(Failed)[0].message


async def test_a_local_folder_that_is_made_anew_empties_nothing_until_it_is_filled(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path, image_files={"main.py": b"1"}) as stage:
        (there,) = stage.containers()
        shutil.rmtree(stage.folder)
        stage.folder.mkdir()
        await stage.until(lambda: stage.heard(Failed))
        assert (there / "main.py").exists()

        (stage.folder / "other.py").write_text("2")
        await stage.until_equal()


async def test_where_pods_have_no_root_of_their_own_edits_get_in_all_the_same(
    tmp_path: Path,
) -> None:
    command = ("python3", "-c", "import time; time.sleep(100000)")
    async with scene(tmp_path, isolation="none", command=command) as stage:
        assert not stage.cluster.node.isolated
        (stage.folder / "pkg").mkdir()
        (stage.folder / "pkg" / "main.py").write_text("1")
        await stage.until_equal()

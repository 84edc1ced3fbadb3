"""What is asked at the control socket, on the embedded cluster."""

from itertools import count
from pathlib import Path

import anyio
import pytest

from syncd import events
from syncd.config import RunRule
from syncd.control import Claim, connect
from syncd.errors import Absent, Halted, Overdue, SyncdError, TargetError
from syncd.events import BatchDone, BatchReady, HookDropped, SessionRefused
from syncd.loopback.dialect import Dialect
from syncd.session import COMPARISON
from tests.endtoend.rebuilding import Lay
from tests.endtoend.scene import NAMESPACE, contents, scene
from tests.endtoend.test_reloads import running
from tests.reloading import BROKEN, MAIN, PORT


async def test_status_tells_how_each_container_is(tmp_path: Path) -> None:
    async with scene(tmp_path, replicas=2) as stage:
        (stage.folder / "a.py").write_text("1")
        await stage.until(lambda: stage.heard(BatchDone))
        async with stage.asking() as client:
            status = await client.status()

    (target,) = status.targets
    assert status.in_step
    assert status.phase == "running"
    assert status.project == str(stage.folder)
    assert (target.target, target.namespace) == ("deployment/web", NAMESPACE)
    assert [r.state for r in target.replicas] == ["in step", "in step"]
    assert {r.image for r in target.replicas} == {"web:1"}
    assert target.batch is not None
    assert (target.batch.files, target.batch.replicas) == (1, 2)


async def test_what_was_saved_before_a_wait_is_applied_after_it(tmp_path: Path) -> None:
    async with (
        scene(tmp_path, replicas=2) as stage,
        stage.asking() as client,
    ):
        for number in range(10):
            # Nothing is awaited in between: no event of it can have been read.
            (stage.folder / f"file{number}.py").write_text("x" * number)
            (stage.folder / "one.py").write_text(str(number))
            waited = await client.wait(timeout_s=30)

            here = contents(stage.folder)
            assert all(contents(there) == here for there in stage.containers())
            assert waited.replicas == 2
            assert waited.batch == max(e.batch for e in stage.heard(BatchDone))


# A program that ends, and its container with it, if it finds a file.
MORTAL = """
import os, time
while not os.path.exists("/app/end"):
    time.sleep(0.05)
"""


async def test_a_wait_fails_for_a_command_that_takes_the_container_down(
    tmp_path: Path,
) -> None:
    rule = RunRule(
        paths=("*.txt",), action="run", run=("sh", "-c", "touch end; sleep 60")
    )
    command = ("python3", "-c", MORTAL)
    async with (
        scene(tmp_path, command=command, rules=(rule,)) as stage,
        stage.asking() as client,
    ):
        (stage.folder / "a.txt").write_text("1")
        with pytest.raises(TargetError, match="lost twice while it ran"):
            await client.wait(timeout_s=60)

        assert len(stage.heard(HookDropped)) == 1
        status = await client.status()

    assert "lost twice" in status.targets[0].replicas[0].reason


async def test_a_wait_with_nothing_to_do_returns(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage, stage.asking() as client:
        first, second = await client.wait(), await client.wait()

    assert (first.batch, second.batch) == (0, 0)


async def test_a_wait_ends_although_the_writing_goes_on(tmp_path: Path) -> None:
    async with (
        scene(tmp_path) as stage,
        stage.asking() as client,
        anyio.create_task_group() as tasks,
    ):

        async def write_on() -> None:
            for number in count():
                (stage.folder / f"other{number % 20}.py").write_text(str(number))
                await anyio.sleep(0.003)

        tasks.start_soon(write_on)
        for number in range(3):
            (stage.folder / "mine.py").write_text(str(number))
            await client.wait(timeout_s=30)

            held = [contents(there) for there in stage.containers()]
            assert [each[b"mine.py"][2] for each in held] == [str(number).encode()]
        tasks.cancel_scope.cancel()


async def test_a_wait_covers_new_folders_and_deletes(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage, stage.asking() as client:
        deep = stage.folder / "a" / "b" / "c"
        deep.mkdir(parents=True)
        (deep / "new.py").write_text("1")
        await client.wait()
        made = [contents(there) for there in stage.containers()]
        (deep / "new.py").unlink()
        deep.rmdir()
        await client.wait()
        left = [contents(there) for there in stage.containers()]

    assert [b"a/b/c/new.py" in there for there in made] == [True]
    assert [sorted(there) for there in left] == [[b"a", b"a/b"]]


async def test_a_wait_during_a_cut_returns_when_the_container_was_reached_again(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as stage, stage.asking() as client:
        stage.cluster.faults.link.cut()
        (stage.folder / "a.py").write_text("1")

        await client.wait(timeout_s=30)

        assert stage.is_equal()


async def test_a_wait_says_which_replica_it_waited_for_in_vain(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage, stage.asking() as client:
        stage.cluster.faults.link.stall()
        (stage.folder / "a.py").write_text("1")

        with pytest.raises(Overdue, match=r"web-.*/app is (sending|reconnecting)"):
            await client.wait(timeout_s=0.3)


async def test_a_path_that_cannot_be_made_equal_is_an_error_until_it_is(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as stage, stage.asking() as client:
        (there,) = stage.containers()
        (there / "x").mkdir()
        (there / "x" / "foreign").write_text("not ours to delete")
        (stage.folder / "x").write_text("a file here")
        with pytest.raises(SyncdError, match="could not be made equal: 1 in web-"):
            await client.wait()
        failing = (await client.status()).targets[0].replicas[0].failing
        (stage.folder / "x").unlink()
        (there / "x" / "foreign").unlink()
        (there / "x").rmdir()
        (stage.folder / "x").write_text("again")
        await client.wait()

        assert failing == 1
        assert stage.is_equal()


async def test_a_folder_that_is_gone_ends_a_wait(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage, stage.asking() as client:
        stage.folder.rename(tmp_path / "away")

        with pytest.raises(Halted, match="folder is gone"):
            await client.wait()


async def test_a_container_that_refuses_ends_a_wait(tmp_path: Path) -> None:
    async with (
        scene(
            tmp_path, tools="none", command=("pause", "9"), until=SessionRefused
        ) as stage,
        stage.asking() as client,
    ):
        with pytest.raises(TargetError, match="neither Python"):
            await client.wait()


async def test_a_second_daemon_of_a_project_is_refused(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        with pytest.raises(Halted, match="already: process"), Claim(stage.folder, ()):
            pass


async def test_stop_ends_the_daemon(tmp_path: Path) -> None:
    async with scene(tmp_path) as stage:
        async with stage.asking() as client:
            await client.stop()
        with pytest.raises(Absent):
            async with connect(stage.folder):
                pass


# --- served -------------------------------------------------------------------------


@pytest.mark.timeout(150)
async def test_a_wait_for_ready_returns_when_the_program_serves_the_edit(
    tmp_path: Path,
) -> None:
    async with (
        running(tmp_path, Dialect.V1_36) as stage,
        stage.asking() as client,
    ):
        (stage.folder / "main.py").write_text(MAIN + "# edited\n")
        waited = await client.wait(ready=True, timeout_s=60)

        assert [e.batch for e in stage.heard(BatchReady)] == [waited.batch]

        (stage.folder / "main.py").write_text(BROKEN)
        with pytest.raises(TargetError, match="does not start with the new code"):
            await client.wait(ready=True, timeout_s=60)
        (replica,) = (await client.status()).targets[0].replicas
        assert "no_such_module" in replica.reload

        (stage.folder / "main.py").write_text(MAIN)
        await client.wait(ready=True, timeout_s=60)
        (replica,) = (await client.status()).targets[0].replicas
        assert replica.reload == ""


@pytest.mark.timeout(150)
async def test_a_wait_for_ready_includes_what_the_comparison_brought_a_new_pod(
    tmp_path: Path,
) -> None:
    async with (
        running(tmp_path, Dialect.V1_36) as stage,
        stage.asking() as client,
    ):
        (stage.folder / "main.py").write_text(MAIN.replace("hello", "edited"))
        await client.wait(ready=True, timeout_s=60)
        (before,) = stage.pods()
        stage.cluster.delete(f"pod/{before['metadata']['name']}", grace_s=0)
        await stage.until(
            lambda: (
                [pod["metadata"]["uid"] for pod in stage.pods()]
                not in ([], [before["metadata"]["uid"]])
            )
        )
        await client.wait(ready=True, timeout_s=60)

        (pod,) = stage.pods()
        host = pod["status"]["podIP"]
        async with await anyio.connect_tcp(host, PORT) as asking:
            await asking.send(b"GET / HTTP/1.1\r\nHost: app\r\n\r\n")
            answer = await asking.receive()

    assert b"edited" in answer
    assert stage.heard(BatchReady)[-1].batch == COMPARISON


async def test_a_wait_for_ready_includes_the_image_that_is_needed(lay: Lay) -> None:
    async with (
        lay() as made,
        made.watch(),
        connect(made.folder) as client,
    ):
        made.write("requirements.txt", "cheese==1.0\n")
        await client.wait(ready=True, timeout_s=40)

        assert (made.container() / "installed").read_text() == "cheese==1.0\n"
        (replica,) = (await client.status()).targets[0].replicas
        assert replica.image == made.image() != "web:1"

        made.write("Dockerfile", "FROM web:1\nRUN exit 3\n")
        with pytest.raises(TargetError, match=r"build of .* failed"):
            await client.wait(ready=True, timeout_s=40)


async def test_a_container_that_a_run_rule_changed_has_drifted_until_it_restarts(
    lay: Lay,
) -> None:
    rules = """
[[target.rule]]
paths = ["version"]
action = "run"
run = ["touch", "made-by-a-rule"]
"""
    async with (
        lay(rules=rules) as made,
        made.watch(),
        connect(made.folder) as client,
    ):
        made.write("app/version", "1")
        await client.wait()
        (drifted,) = (await client.status()).targets[0].replicas

        assert (made.container() / "made-by-a-rule").exists()
        assert drifted.drift == ("touch made-by-a-rule",)

        (pod,) = made.pods()
        made.cluster.node.kill(pod["metadata"]["uid"], "app")
        await made.until(events.ContainerRestarted)
        (fresh,) = (await client.status()).targets[0].replicas

        assert fresh.drift == ()

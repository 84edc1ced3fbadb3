"""Containers as processes: what they see, what they cannot touch, and that they go."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from syncd.errors import ConfigError
from syncd.loopback.image import Image
from syncd.loopback.runtime import stdio
from syncd.loopback.runtime.client import RuntimeDied, StartFailed

from .lab import BUSYBOX, WAIT_S, Lab, logs, open_lab


WAIT = ("sh", "-c", "while :; do sleep 9; done")
LINUX = sys.platform == "linux"

needs_namespaces = pytest.mark.skipif(not LINUX, reason="namespaces are Linux's")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    (folder / "sub").mkdir(parents=True)
    (folder / "main.py").write_text("print('one')\n")
    (folder / "sub" / "link").symlink_to("../main.py")
    return folder


@pytest.mark.parametrize("isolation", ["auto", "none"])
async def test_a_restarted_container_has_the_images_files_again(
    tmp_path: Path, files: Path, isolation: str
) -> None:
    async with open_lab(tmp_path / "node", isolation=isolation) as lab:
        lab.images["app"] = Image("app", files)
        uid = await lab.run("app", *WAIT, image="app")
        inside = lab.node.files(uid, "c")
        (files / "main.py").write_text("changed after the image was pulled\n")
        await lab.sh(
            uid, "echo two >main.py; rm -r sub; touch new ${TMPDIR:-/tmp}/mine"
        )
        before = sorted(path.name for path in inside.iterdir())
        lab.node.kill(uid, "c")
        await lab.until(uid, lambda s: s["containerStatuses"][0]["restartCount"] == 1)

        after = sorted(path.name for path in inside.iterdir())
        _, seen = await lab.sh(
            uid, "cat main.py; readlink sub/link; ls ${TMPDIR:-/tmp}"
        )

    assert before == ["main.py", "new"]
    assert after == ["main.py", "sub"]
    assert "print('one')\n../main.py\n" in seen
    assert "mine" not in seen


@needs_namespaces
async def test_a_container_is_alone_with_its_files(tmp_path: Path, files: Path) -> None:
    async with open_lab(tmp_path / "node") as lab:
        if not lab.node.isolated:
            pytest.skip("no namespaces here")
        lab.images["app"] = Image("app", files, mount="/usr/src/app")
        uid = await lab.run("app", *WAIT, image="app")
        script = (
            "echo $$; pwd; ls; hostname; python3 -c 'import sys; print(sys.prefix)';"
            "ls /proc | grep -c '^[0-9]'; ls /root /home;"
            "touch /etc/mine && echo wrote; touch /usr/bin/mine && echo wrote;"
            "touch /mine /usr/src/app/mine && echo ours"
        )
        _, seen = await lab.sh(uid, script)
        first = await lab.sh(uid, "readlink /proc/1/exe; tr '\\0' ' ' </proc/1/cmdline")

    lines = seen.splitlines()
    assert lines[1:6] == ["/usr/src/app", "main.py", "sub", "app", sys.prefix]
    assert int(lines[0]) < 10
    assert int(lines[6]) < 10
    assert "wrote" not in seen
    assert "Read-only file system" in seen
    assert lines[-1] == "ours"
    assert "while :;" in first[1]
    assert not Path("/mine").exists()


@needs_namespaces
async def test_a_private_tmp_does_not_hide_an_interpreter_that_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = tmp_path / "venv"  # pytest's folders are in /tmp
    prefix.mkdir()
    (prefix / "marker").touch()
    monkeypatch.setattr(sys, "prefix", str(prefix))

    async with open_lab(tmp_path / "node") as lab:
        uid = await lab.run("py", *WAIT, image="py")
        code, output = await lab.sh(uid, f"ls {prefix}; touch {prefix}/x")

    assert code != 0
    assert output.startswith("marker\n")


def test_an_image_that_would_hide_its_interpreter_is_refused() -> None:
    with pytest.raises(ConfigError, match="would hide"):
        Image("app", mount=str(Path(sys.prefix).parent))


@pytest.mark.parametrize("mount", ["app", "/", "/app/../x"])
def test_an_image_is_mounted_at_an_absolute_path(mount: str) -> None:
    with pytest.raises(ConfigError, match="absolute"):
        Image("app", mount=mount)


@needs_namespaces
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can")
async def test_a_container_runs_as_its_user(tmp_path: Path, files: Path) -> None:
    async with open_lab(tmp_path / "node") as lab:
        lab.images["app"] = Image("app", files, user=1234, group=55, owner=0)
        uid = await lab.run("app", *WAIT, image="app")
        spec = {"runAsUser": 77, "runAsGroup": 88}
        other = await lab.run("other", *WAIT, image="app", securityContext=spec)
        script = "id -u; id -g; python3 -c 1 && echo ran; touch main.py new"
        _, seen = await lab.sh(uid, script)
        _, seen_by_other = await lab.sh(other, script)

    assert seen.startswith("1234\n55\nran\n")
    assert seen_by_other.startswith("77\n88\nran\n")
    assert seen.count("Permission denied") == 2


@needs_namespaces
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can")
async def test_root_inside_has_no_more_rights_than_a_containers(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        if not lab.node.isolated:
            pytest.skip("no namespaces here")
        uid = await lab.run("py", *WAIT, image="py")
        code, output = await lab.sh(
            uid, "mount -o remount,rw /etc; mount -t tmpfs x /mnt"
        )

    assert code != 0
    assert output.count("permission denied") + output.count("must be superuser") == 2


@pytest.mark.parametrize("isolation", ["auto", "none"])
async def test_a_container_without_python_has_a_shell_and_tar(
    tmp_path: Path, isolation: str
) -> None:
    async with open_lab(tmp_path, isolation=isolation) as lab:
        lab.images["slim"] = Image("slim", tools=BUSYBOX)
        uid = await lab.run("slim", *WAIT, image="slim")
        script = "tar cf - . | tar tf -; python3 -c 1; which python"
        _, output = await lab.sh(uid, script)
        with pytest.raises(StartFailed, match="executable file not found in \\$PATH"):
            await exec_in(lab, uid, "python3")

    assert "./\n" in output
    assert "not found" in output
    assert "/python" not in output


async def test_a_container_without_a_shell_has_none(tmp_path: Path) -> None:
    async with open_lab(tmp_path) as lab:
        lab.images["bare"] = Image("bare", command=("pause", "600"), tools="none")
        uid = await lab.run("bare", image="bare")
        for program in ("sh", "tar", "python3", "cat"):
            with pytest.raises(StartFailed, match="executable file not found"):
                await exec_in(lab, uid, program)
        with pytest.raises(StartFailed, match="stat /bin/sh: no such file"):
            await exec_in(lab, uid, "/bin/sh")


async def exec_in(lab: Lab, uid: str, *argv: str) -> None:
    streams = stdio.pipes(stdin=False, stdout=False, stderr=False)
    await lab.node.exec(uid, "c", argv, streams)


@pytest.mark.parametrize("isolation", ["auto", "none"])
async def test_nothing_of_a_container_outlives_its_first_process(
    tmp_path: Path, isolation: str
) -> None:
    async with open_lab(tmp_path, isolation=isolation) as lab:
        uid = await lab.run("box", "sh", "-c", "sleep 97532 & sleep 97532")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lab.sh, uid, "sleep 97534; true")
            await until_count("97532", 2)
            await until_count("97534", 1)
            lab.node.kill(uid, "c")
            await lab.until(uid, lambda s: s["containerStatuses"][0]["lastState"])
        beside = count("97534")
        await until_count("97532", 2)
        inside = count("97532")

    assert (beside, inside) == (0, 2)


@pytest.mark.parametrize("isolation", ["auto", "none"])
async def test_nothing_outlives_the_node(tmp_path: Path, isolation: str) -> None:
    daemon = "setsid sleep 97533 >/dev/null 2>&1 & sleep 97533"
    async with open_lab(tmp_path, isolation=isolation) as lab:
        await lab.run("py", "sh", "-c", daemon, image="py")
        await until_count("97533", 2)

    assert count("97533") == 0


def count(mark: str) -> int:
    """How many processes have this in their command line."""
    listed = subprocess.run(
        ["pgrep", "-fxc", f"sleep {mark}"], capture_output=True, text=True, check=False
    )
    return int(listed.stdout or 0)


async def until_count(mark: str, wanted: int) -> None:
    with anyio.fail_after(WAIT_S):
        while await anyio.to_thread.run_sync(count, mark) < wanted:
            pass


@pytest.fixture
def kill_later() -> Any:
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def test_a_node_that_is_killed_leaves_no_process(
    tmp_path: Path, kill_later: list[subprocess.Popen[str]]
) -> None:
    node = run_scenario(kill_later, tmp_path, "echo end")
    said(node)
    assert count("97531") >= 1

    node.send_signal(signal.SIGKILL)
    node.wait()

    anyio.run(until_none, "97531")


async def until_none(mark: str) -> None:
    with anyio.fail_after(WAIT_S):
        while count(mark):
            await anyio.lowlevel.checkpoint()


@needs_namespaces
@pytest.mark.skipif(shutil.which("unshare") is None, reason="no unshare here")
def test_a_user_without_rights_has_the_same(
    tmp_path: Path, kill_later: list[subprocess.Popen[str]]
) -> None:
    as_user = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    if subprocess.run([*as_user, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this kernel gives users no namespaces")
    script = "readlink /proc/1/exe; id -u; pwd; touch /app/mine /tmp/mine /etc/mine; echo end"
    node = run_scenario(kill_later, tmp_path, script, *as_user)
    found = said(node)

    assert found["isolated"]
    assert found["first"].startswith("/usr/bin/")
    assert "\n0\n/app\n" in found["first"]
    assert "touch: cannot touch '/etc/mine': " in found["first"]
    assert "cannot touch '/app" not in found["first"]


def run_scenario(
    started: list[subprocess.Popen[str]], folder: Path, script: str, *prefix: str
) -> subprocess.Popen[str]:
    command = [*prefix, sys.executable, "-m", "tests.loopback.scenario"]
    process = subprocess.Popen(
        [*command, str(folder / "node"), script],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    started.append(process)
    return process


def said(node: subprocess.Popen[str]) -> dict[str, Any]:
    assert node.stdout is not None
    found: dict[str, Any] = json.loads(node.stdout.readline())
    return found


async def test_without_namespaces_a_program_is_told_where_its_files_are(
    tmp_path: Path, files: Path
) -> None:
    async with open_lab(tmp_path / "node", isolation="none") as lab:
        lab.images["app"] = Image("app", files)
        env = [{"name": "WHERE", "value": "/app/sub"}]
        command = (
            "sh",
            "-c",
            'echo "$0 $1 $WHERE $SYNCD_ROOTFS"; sleep 9',
            "/app",
            "/apple",
        )
        uid = await lab.run("app", *command, image="app", env=env)
        await lab.logged(uid, "apple")
        root = lab.node.files(uid, "c").parent
        _, seen = await lab.sh(uid, "pwd -P; echo $TMPDIR")
        line = logs(lab.container(uid))

    assert line == f"{root}/app /apple {root}/app/sub {root}\n"
    assert seen == f"{root.resolve()}/app\n{root.parent}/tmp\n"


async def test_a_node_whose_runtime_dies_says_so(tmp_path: Path) -> None:
    with pytest.raises(BaseExceptionGroup) as caught:
        await lose_the_runtime(tmp_path)

    assert caught.value.subgroup(RuntimeDied)


async def lose_the_runtime(folder: Path) -> None:
    async with open_lab(folder) as lab:
        await lab.run("box", *WAIT)
        shims = ["pgrep", "-f", f"runtime.shim.*{folder}"]
        found = subprocess.run(shims, capture_output=True, text=True, check=True)
        for pid in found.stdout.split():
            os.kill(int(pid), signal.SIGKILL)
        await anyio.sleep_forever()

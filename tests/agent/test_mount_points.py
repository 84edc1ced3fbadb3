"""Files and folders that are mount points, busy programs, long names."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest

from syncd.agent.folders import Root
from syncd.delta import Delta
from syncd.tree import Change, Entry, Kind
from syncd.wire import Message, encode
from tests.agent_driver import (
    AgentProcess,
    codes,
    entry_at,
    everything,
    notes,
    tree_at,
    written,
)
from tests.places import SAME_DEVICE, TMPFS, entered, inside, mounted, volume


def delete(path: str, *, recursive: bool = False) -> bytes:
    apply: Message = {"op": "apply", "id": 1, "root": 0, "dirs": [], "modes": []}
    apply["deletes"] = [{"path": path, "recursive": recursive}]
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    end = {"op": "end", "id": 1, "void": [], "bytes": 0, "digest": empty}
    return encode(apply) + encode(end)


# --- mount points ------------------------------------------------------------------


def test_a_file_that_is_a_mount_point_is_written_in_place(
    local: Path, remote: Path, tmp_path: Path, may_mount: None
) -> None:
    written(local, writable="new", closed="new", other="new")
    written(remote, writable="", closed="")
    written(tmp_path, writable="old and longer", closed="old")
    script = f"""
        mount --bind {tmp_path}/writable.py {remote}/writable.py
        mount --bind {tmp_path}/closed.py {remote}/closed.py
        mount -o remount,bind,ro {remote}/closed.py
    """

    with AgentProcess(remote, prefix=mounted(script)) as agent:
        applied = agent.apply(local, everything(local))

    assert codes(applied) == {"closed.py": "read-only"}
    assert notes(applied) == [("writable.py", "in-place")]
    assert (tmp_path / "writable.py").read_text() == "new"
    assert (tmp_path / "closed.py").read_text() == "old"
    assert {path.name for path in remote.iterdir()} == {
        "writable.py",
        "closed.py",
        "other.py",
    }


def test_a_folder_that_turns_out_to_be_another_file_system_is_staged_again(
    local: Path, remote: Path, may_mount: None
) -> None:
    written(local, pkg__a="new")
    (local / "pkg/a.py").chmod(0o640)
    started = time.time_ns()

    with AgentProcess(remote, prefix=mounted("true")) as agent:
        *frames, end = Delta(local, everything(local)).frames(1, 0)
        agent.send(b"".join(frames))
        agent.ask({"op": "ping", "id": 1})
        (remote / "pkg").mkdir()
        enter = ["nsenter", "-t", str(agent.process.pid), *entered()]
        mount = ["mount", "-t", "tmpfs", "none", str(remote / "pkg")]
        subprocess.run([*enter, *mount], check=True)
        agent.send(end)
        applied = agent.answer()
        found = tree_at(inside(agent.process, remote))
        modified = (inside(agent.process, remote) / "pkg/a.py").stat().st_mtime_ns

    assert codes(applied) == {}
    assert found[b"pkg/a.py"] == entry_at(local / "pkg/a.py")
    assert set(found) == {b"pkg", b"pkg/a.py"}
    assert modified >= started


@pytest.mark.parametrize("mount", [TMPFS, SAME_DEVICE], ids=["tmpfs", "bind"])
@pytest.mark.parametrize("folder", ["pkg", "pkg/a volume"])
def test_a_recursive_delete_touches_nothing_where_something_is_mounted(
    remote: Path, tmp_path: Path, may_mount: None, mount: str, folder: str
) -> None:
    script = volume(remote, folder, mount, tmp_path)

    with AgentProcess(remote, prefix=mounted(script)) as agent:
        agent.send(delete("pkg", recursive=True))
        applied = agent.answer()
        pkg = inside(agent.process, remote) / "pkg"
        left = {path.name for path in pkg.rglob("*") if path.is_file()}

    assert codes(applied) == {"pkg": "busy"}
    assert applied["errors"][0]["error"] == f"{remote / folder} is a mount point"
    assert left == {"data", "beside"}


def test_what_is_mounted_in_the_root_of_all_is_known(remote: Path) -> None:
    assert Root("/").mount_in("proc") == "/proc"
    assert Root("/").mount_in("pro") == ""
    assert Root(str(remote)).mount_in("proc") == ""


# --- programs and names ------------------------------------------------------------


def test_a_running_program_can_be_replaced(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    shutil.copy("/bin/sleep", remote / "program")
    (local / "program").write_text("new")
    with subprocess.Popen([remote / "program", "60"]) as running:
        applied = agent.level(local, remote)
        running.kill()

    assert codes(applied) == {}
    assert (remote / "program").read_text() == "new"


def test_a_running_program_that_is_a_mount_point_is_busy(
    local: Path, remote: Path, tmp_path: Path, may_mount: None
) -> None:
    shutil.copy("/bin/sleep", tmp_path / "program")
    (remote / "program").touch()
    (local / "program").write_text("new")
    prefix = mounted(f"mount --bind {tmp_path}/program {remote}/program")

    with (
        subprocess.Popen([tmp_path / "program", "60"]) as running,
        AgentProcess(remote, prefix=prefix) as agent,
    ):
        applied = agent.apply(local, everything(local))
        running.kill()

    assert codes(applied) == {"program": "busy"}


def test_a_name_that_is_too_long_is_told_and_the_rest_lands(
    agent: AgentProcess, local: Path, remote: Path
) -> None:
    written(local, a="x")
    link = Change(b"l" * 256, Entry(Kind.LINK, target=b"a.py"))
    folder = Change(b"f" * 256, Entry(Kind.DIR, 0o755))

    applied = agent.apply(local, [*everything(local), link, folder])

    assert codes(applied) == {"l" * 256: "name-too-long", "f" * 256: "name-too-long"}
    assert [path.name for path in remote.iterdir()] == ["a.py"]

"""Where the container does not let itself be written to as one would like."""

import os
import stat
from pathlib import Path
from typing import Any

from syncd.tree import Change
from tests.agent_driver import (
    AgentProcess,
    codes,
    everything,
    notes,
    tree_at,
    written,
)
from tests.places import NOBODY, inside, mounted


# --- a folder that is not writable -------------------------------------------------


def test_a_writable_file_in_a_closed_folder_is_written_in_place(
    open_path: Path, local: Path, nobody: dict[str, Any]
) -> None:
    written(open_path, a="the old content", b="x")
    (open_path / "a.py").chmod(0o666)
    (open_path / "b.py").chmod(0o644)
    written(local, a="new", b="new", c="new")
    inode = (open_path / "a.py").stat().st_ino

    with AgentProcess(open_path, **nobody) as agent:
        applied = agent.apply(local, everything(local))

    assert codes(applied) == {"b.py": "permission-denied", "c.py": "permission-denied"}
    assert notes(applied) == [
        ("a.py", "in-place"),
        ("a.py", "mode-refused"),
        ("a.py", "time-refused"),
    ]
    assert (open_path / "a.py").read_text() == "new"
    assert (open_path / "a.py").stat().st_ino == inode
    assert (open_path / "b.py").read_text() == "x"


def test_a_file_of_ours_in_a_closed_folder_gets_its_mode_and_a_later_time(
    open_path: Path, local: Path, nobody: dict[str, Any]
) -> None:
    written(open_path, a="old")
    os.chown(open_path / "a.py", NOBODY, NOBODY)
    (open_path / "__pycache__").mkdir()
    (open_path / "__pycache__/a.cpython-312.pyc").touch()
    written(local, a="new")
    (local / "a.py").chmod(0o600)
    old = (open_path / "a.py").stat()

    with AgentProcess(open_path, **nobody) as agent:
        applied = agent.apply(local, everything(local))

    assert notes(applied) == [
        ("a.py", "in-place"),
        ("__pycache__/a.cpython-312.pyc", "byte-code-kept"),
    ]
    found = (open_path / "a.py").stat()
    assert stat.S_IMODE(found.st_mode) == 0o600
    assert found.st_mtime_ns // 10**9 > old.st_mtime_ns // 10**9


def test_contents_of_any_size_and_number_can_wait_for_a_closed_folder(
    open_path: Path, local: Path, nobody: dict[str, Any]
) -> None:
    (local / "big").write_bytes(os.urandom(12 << 20))
    written(local, **{f"m{number}": str(number) * number for number in range(200)})
    for path in local.iterdir():
        (open_path / path.name).write_text("the old content, longer than the new")
        (open_path / path.name).chmod(0o666)

    with AgentProcess(open_path, **nobody) as agent:
        applied = agent.apply(local, everything(local))
        open_files = len(list(Path(f"/proc/{agent.process.pid}/fd").iterdir()))

    assert codes(applied) == {}
    assert open_files < 10
    for path in local.iterdir():
        assert (open_path / path.name).read_bytes() == path.read_bytes()


def test_a_file_of_another_in_a_sticky_folder_is_written_in_place(
    open_path: Path, local: Path, nobody: dict[str, Any]
) -> None:
    open_path.chmod(0o1777)
    written(open_path, a="old")
    (open_path / "a.py").chmod(0o666)
    written(local, a="new")

    with AgentProcess(open_path, **nobody) as agent:
        applied = agent.apply(local, everything(local))

    assert ("a.py", "in-place") in notes(applied)
    assert {p.name: p.read_text() for p in open_path.iterdir()} == {"a.py": "new"}


def test_without_any_room_for_temporaries_eight_mebibytes_wait_in_memory(
    local: Path, nobody: dict[str, Any], may_mount: None
) -> None:
    written(local, a="new", b="x" * (9 << 20))
    script = f"""
        mount -t tmpfs -o mode=755 none /mnt
        for name in a b; do echo old > /mnt/$name.py; chmod 666 /mnt/$name.py; done
        for room in /tmp /dev/shm /var/tmp; do mount -t tmpfs -o ro none $room; done
        set -- setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups "$@"
    """
    prefix = mounted(script)
    env = {"TMPDIR": "/tmp", "PATH": os.environ["PATH"]}

    with AgentProcess(
        Path("/mnt"), prefix=prefix, env=env, interpreter=nobody["interpreter"]
    ) as agent:
        applied = agent.apply(local, everything(local))
        found = {
            p.name: p.read_text() for p in inside(agent.process, Path("/mnt")).iterdir()
        }

    assert codes(applied) == {"b.py": "disk-full"}
    assert found == {"a.py": "new", "b.py": "old\n"}


# --- a file system that is read-only -----------------------------------------------


def test_in_a_read_only_root_the_one_writable_folder_is_synced(
    local: Path, remote: Path, tmp_path: Path, may_mount: None
) -> None:
    written(remote, closed__a="old", closed__b="old")
    (remote / "open").mkdir()
    (tmp_path / "volume").mkdir()
    written(local, closed__a="new", open__a="new", open__pkg__b="new", top="new")
    script = f"""
        mount --bind {remote} {remote}
        mount -o remount,bind,ro {remote}
        mount --bind {tmp_path}/volume {remote}/open
    """

    with AgentProcess(remote, prefix=mounted(script)) as agent:
        writable = agent.hello["roots"][0]["writable"]
        changes = [*everything(local), Change(b"closed/b.py", None)]
        applied = agent.apply(local, changes)

    assert writable is False
    assert codes(applied) == dict.fromkeys(
        ("closed/a.py", "closed/b.py", "top.py"), "read-only"
    )
    assert (remote / "closed/a.py").read_text() == "old"
    assert set(tree_at(tmp_path / "volume")) == {b"a.py", b"pkg", b"pkg/b.py"}


def test_what_belongs_in_a_folder_that_could_not_be_made_says_why_not(
    open_path: Path, local: Path, nobody: dict[str, Any]
) -> None:
    written(local, pkg__sub__a="new")

    with AgentProcess(open_path, **nobody) as agent:
        applied = agent.apply(local, everything(local))

    assert codes(applied) == dict.fromkeys(
        ("pkg", "pkg/sub", "pkg/sub/a.py"), "permission-denied"
    )


# --- a disk that is full -----------------------------------------------------------


def test_on_a_full_disk_the_old_file_stands_and_the_rest_lands(
    local: Path, remote: Path, may_mount: None
) -> None:
    (local / "big").write_bytes(os.urandom(3 << 20))
    (local / "huge").write_bytes(os.urandom(3 << 20))
    written(local, small="new", zebra="new")
    script = f"""
        mount -t tmpfs -o size=2m none {remote}
        echo old > {remote}/big; echo old > {remote}/small.py
    """

    with AgentProcess(remote, prefix=mounted(script)) as agent:
        applied = agent.apply(local, everything(local))
        found = tree_at(inside(agent.process, remote))
        old = (inside(agent.process, remote) / "big").read_text()

    assert codes(applied) == {"big": "disk-full", "huge": "disk-full"}
    assert set(found) == {b"big", b"small.py", b"zebra.py"}
    assert old == "old\n"
    assert applied["files"] == 2


def test_without_inodes_the_old_tree_stands(
    local: Path, remote: Path, may_mount: None
) -> None:
    written(local, a="new", pkg__b="new")
    script = f"""
        mount -t tmpfs -o nr_inodes=2 none {remote}
        echo old > {remote}/a.py
    """

    with AgentProcess(remote, prefix=mounted(script)) as agent:
        applied = agent.apply(local, everything(local))
        found = set(tree_at(inside(agent.process, remote)))

    assert set(codes(applied).values()) == {"disk-full"}
    assert found == {b"a.py"}


def test_a_mounted_file_on_a_full_disk_keeps_its_old_content(
    local: Path, remote: Path, tmp_path: Path, may_mount: None
) -> None:
    written(local, a="x" * (2 << 20))
    written(remote, a="")
    (tmp_path / "small").mkdir()
    script = f"""
        mount -t tmpfs -o size=1m none {tmp_path}/small
        echo old > {tmp_path}/small/a.py
        mount --bind {tmp_path}/small/a.py {remote}/a.py
    """

    with AgentProcess(remote, prefix=mounted(script)) as agent:
        applied = agent.apply(local, everything(local))
        content = (inside(agent.process, remote) / "a.py").read_text()

    assert codes(applied) == {"a.py": "disk-full"}
    assert content == "old\n"

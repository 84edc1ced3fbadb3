"""Links that lead out, folders that are closed, disks that are full."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.shell import (
    Landed,
)
from syncd.tree import Change, Entry, Kind
from tests.agent_driver import entry_at, everything, gone, tree_at, written
from tests.places import SAME_DEVICE, TMPFS, mounted, volume
from tests.shell.shells import Shell, codes


# --- it never leaves its root ------------------------------------------------------


def test_no_link_in_the_container_is_followed(
    shell: Shell, local: Path, remote: Path, tmp_path: Path
) -> None:
    outside = written(tmp_path / "outside", victim="precious", sub__victim="precious")
    (remote / "pkg").symlink_to(outside)
    (remote / "file.py").symlink_to(outside / "victim.py")
    before = tree_at(outside)
    written(local, pkg__victim="evil", pkg__sub__victim="evil", file="mine")
    files = [c for c in everything(local) if c.entry and c.entry.kind is Kind.FILE]
    (local / "pkg/victim.py").chmod(0o777)
    mode = Change(b"pkg/sub/victim.py", entry_at(local / "pkg/victim.py"))
    held = {mode.path: replace(entry_at(local / "pkg/victim.py"), mode=0)}

    landed = shell.apply(remote, local, files)
    shell.apply(remote, local, [mode], held=held)
    shell.apply(remote, local, gone("pkg/victim.py", "pkg/sub"), replica=True)
    folder = Change(b"pkg/new", Entry(Kind.DIR, 0o777))
    made = shell.apply(remote, local, [folder])

    assert codes(landed) == {
        b"pkg/victim.py": "blocked",
        b"pkg/sub/victim.py": "blocked",
    }
    assert codes(made) == {b"pkg/new": "blocked"}
    assert tree_at(outside) == before
    assert (remote / "file.py").read_text() == "mine"


# --- hostile disks -----------------------------------------------------------------


def test_where_the_folder_is_closed_a_file_is_written_in_place(
    somebody: Shell, open_path: Path, local: Path
) -> None:
    written(open_path, a="the old content", b="x")
    (open_path / "a.py").chmod(0o666)
    (open_path / "open").mkdir(mode=0o777)
    (open_path / "open").chmod(0o777)
    written(local, a="new", b="new", c="new", open__d="new")
    files = [c for c in everything(local) if c.entry and c.entry.kind is Kind.FILE]

    landed = somebody.apply(open_path, local, files)

    assert landed.files == 2
    assert [(note.path, note.code) for note in landed.notes] == [(b"a.py", "in-place")]
    assert codes(landed) == {
        b"b.py": "permission-denied",
        b"c.py": "permission-denied",
    }
    assert (open_path / "a.py").read_text() == "new"
    assert (open_path / "open/d.py").read_text() == "new"
    assert not list(open_path.rglob(".syncd*"))


def test_on_a_full_disk_the_old_tree_stands(
    shell: Shell, local: Path, remote: Path, may_mount: None
) -> None:
    (local / "big").write_bytes(os.urandom(3 << 20))
    written(local, small="new")
    script = f"mount -t tmpfs -o size=1m none {remote}; echo old > {remote}/big"
    full = replace(shell, prefix=tuple(mounted(script)))

    assert full.apply(remote, local, everything(local)).refused == "disk-full"


@pytest.mark.parametrize("mount", [TMPFS, SAME_DEVICE], ids=["tmpfs", "bind"])
@pytest.mark.parametrize("folder", ["pkg", "pkg/a volume"])
def test_a_replica_keeps_a_folder_in_which_something_is_mounted(
    shell: Shell,
    local: Path,
    remote: Path,
    tmp_path: Path,
    may_mount: None,
    mount: str,
    folder: str,
) -> None:
    script = f"""
        {volume(remote, folder, mount, tmp_path)}
        trap 'find {remote} -type f > {tmp_path}/left' EXIT
        "$@"
        exit
    """
    there = replace(shell, prefix=tuple(mounted(script)))

    landed = there.apply(remote, local, gone("pkg"), replica=True)

    left = (tmp_path / "left").read_text().splitlines()
    assert codes(landed) == {b"pkg": "busy"}
    assert {Path(line).name for line in left} == {"data", "beside"}


TARGET = '"./volume/a.py"'


def test_a_folder_on_another_file_system_gets_its_files_by_a_rename_too(
    shell: Shell, local: Path, remote: Path, tmp_path: Path, may_mount: None
) -> None:
    """Seen by the system calls: nothing else happens to the name."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("needs strace")
    written(local, volume__a="new", b="new")
    (remote / "volume").mkdir()
    script = f"""
        mount -t tmpfs none {remote}/volume
        echo old > {remote}/volume/a.py
        trap 'cp {remote}/volume/a.py {tmp_path}/seen' EXIT
        {strace} -f -o {tmp_path}/log -e trace=%file "$@"
        exit
    """
    there = replace(shell, prefix=tuple(mounted(script)))

    landed = there.apply(remote, local, everything(local))

    assert landed == Landed(files=2)
    assert (tmp_path / "seen").read_text() == "new"
    calls = (tmp_path / "log").read_text().splitlines()
    named = [call for call in calls if TARGET in call and "execve" not in call]
    assert any("rename" in call for call in named)
    assert not [call for call in named if "unlink" in call or "O_WRONLY" in call]


def test_what_a_killed_batch_left_is_swept_by_the_next(
    shell: Shell, local: Path, remote: Path
) -> None:
    host = os.uname().nodename
    here = Path("/proc/self/ns/pid").readlink().name.strip("pid:[]")
    stale = remote / f".syncd-sh-{host}-{here}-{2**22 + 1}"
    living = remote / f".syncd-sh-{host}-{here}-{os.getpid()}"
    beside = remote / f".syncd-sh-{host}-1-{2**22 + 1}"
    other_pod = remote / f".syncd-sh-other-pod-{here}-{2**22 + 1}"
    for folder in (stale, living, beside, other_pod):
        (folder / "new").mkdir(parents=True)
    written(local, a="x")

    shell.apply(remote, local, everything(local))

    assert {path.name for path in remote.iterdir()} == {
        "a.py",
        living.name,
        beside.name,
        other_pod.name,
    }

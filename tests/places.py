"""Folders, users and mounts to try a container in."""

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


NOBODY = 65534


@pytest.fixture
def local(tmp_path: Path) -> Path:
    (tmp_path / "local").mkdir()
    return tmp_path / "local"


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    (tmp_path / "remote").mkdir()
    return tmp_path / "remote"


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@functools.cache
def _interpreter_for(user: int) -> str:
    """Return a Python that `user` can run, or "" if there is none."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            subprocess.run([python, "-c", "import zlib"], user=user, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    return ""


@pytest.fixture
def nobody() -> dict[str, Any]:
    """How to run the agent as a user that may do little."""
    if os.geteuid() != 0:
        pytest.skip("only root can run the agent as another user")
    interpreter = _interpreter_for(NOBODY)
    if not interpreter:
        pytest.skip("no Python that another user can run")
    return {"user": NOBODY, "interpreter": interpreter}


@functools.cache
def _may_mount() -> bool:
    try:
        tried = [*mounted("mount -t tmpfs none /mnt"), "true"]
        return subprocess.run(tried, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.fixture
def may_mount() -> None:
    """Skip where no file system can be mounted, even in a namespace of one's own."""
    if not _may_mount():
        pytest.skip("needs the right to mount in a namespace of its own")


def mounted(script: str) -> list[str]:
    """Return what to run a command under, so that it alone sees what `script` mounts."""
    flags = "-m" if os.geteuid() == 0 else "-Urm"
    return ["unshare", flags, "sh", "-ec", script + '\nexec "$@"', "sh"]


def entered() -> list[str]:
    """Return the words of `nsenter` for what `mounted` made."""
    return ["-m"] if os.geteuid() == 0 else ["-U", "--preserve-credentials", "-m"]


def inside(process: subprocess.Popen[bytes], path: Path) -> Path:
    """Return `path` as a process sees it, mounts of its own included."""
    return Path(f"/proc/{process.pid}/root{path.resolve()}")


TMPFS = "mount -t tmpfs none {folder}"
SAME_DEVICE = "mkdir {tmp}/data; mount --bind {tmp}/data {folder}"


def volume(remote: Path, folder: str, mount: str, tmp: Path) -> str:
    """Return a script for `mounted`: a volume in `pkg`, with data in it and beside it.

    Args:
        remote: The root.
        folder: Where in it something is mounted: `pkg`, or a folder in that.
        mount: `TMPFS` or `SAME_DEVICE`.
        tmp: Where the data of the second may lie.
    """
    (remote / "pkg/a volume").mkdir(parents=True)
    at = f"'{remote / folder}'"
    return f"""
        {mount.format(folder=at, tmp=tmp)}
        mkdir {at}/deep
        echo precious > {at}/deep/data
        echo beside > {remote}/pkg/beside
    """

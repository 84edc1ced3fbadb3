import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.agent_driver import AgentProcess


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
def agent(remote: Path) -> Iterator[AgentProcess]:
    with AgentProcess(remote) as agent:
        yield agent


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that every user can reach; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@functools.cache
def interpreter_for(user: int | None) -> str:
    """Return a Python that `user` can run, or "" if there is none."""
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            subprocess.run([python, "-c", "import zlib"], user=user, check=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    return ""


@pytest.fixture
def nobody() -> int:
    """A user that may do little; only root can become it."""
    if os.geteuid() != 0:
        pytest.skip("only root can run the agent as another user")
    if not interpreter_for(NOBODY):
        pytest.skip("no Python that another user can run")
    return NOBODY


@functools.cache
def _can_mount() -> bool:
    if shutil.which("unshare") is None:
        return False
    tried = ["unshare", "-m", "sh", "-c", "mount -t tmpfs none /mnt"]
    return subprocess.run(tried, capture_output=True, check=False).returncode == 0


@pytest.fixture
def may_mount() -> None:
    """Skip where no file system can be mounted, even in a namespace of one's own."""
    if not _can_mount():
        pytest.skip("needs the right to mount in a namespace of its own")

"""Programs that stand in for builders, and a place for syncd's state."""

import json
import os
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.rebuild.registry import Registry, serve


@pytest.fixture(autouse=True)
def state(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """syncd's own folder, for this test alone."""
    base = tmp_path_factory.mktemp("state")
    monkeypatch.setenv("XDG_STATE_HOME", str(base))
    return base / "syncd"


class Programs:
    """A PATH with programs of our own, that write down how they are called."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._calls = folder / "calls"

    def add(self, name: str, script: str = "pass") -> None:
        """Put a program on the PATH; `script` is Python, with `argv` and `environ`."""
        path = self._folder / name
        calls = str(self._calls)
        path.write_text(
            f"#!{sys.executable} -IS\n"
            "import json, os, sys, time\n"
            "argv, environ = sys.argv[1:], dict(os.environ)\n"
            f"with open({calls!r}, 'a') as calls:\n"
            f"    calls.write(json.dumps([{name!r}, *argv]) + '\\n')\n"
            f"{script}\n"
        )
        path.chmod(0o755)

    @property
    def calls(self) -> list[list[str]]:
        """How the programs were called, in order."""
        if not self._calls.exists():
            return []
        return [json.loads(line) for line in self._calls.read_text().splitlines()]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """A PATH on which there is nothing but `sh` and what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "sleep"):
        (folder / name).symlink_to(os.path.realpath(shutil.which(name) or name))
    monkeypatch.setenv("PATH", str(folder))
    return Programs(folder)


@pytest.fixture
async def registry() -> AsyncIterator[Registry]:
    """A registry on this machine, empty."""
    async with serve() as running:
        yield running

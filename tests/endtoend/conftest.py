from functools import partial
from pathlib import Path

import pytest

from tests.endtoend.rebuilding import Lay, project, put_docker_on_the_path


@pytest.fixture(autouse=True)
def _own_state(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keep what syncd remembers between runs, and its sockets, to the test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))


@pytest.fixture
def lay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lay:
    put_docker_on_the_path(tmp_path / "bin", monkeypatch)
    return partial(project, tmp_path)

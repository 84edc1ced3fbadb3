from pathlib import Path

import pytest

from syncd.reloader import source


@pytest.fixture(scope="session")
def reloader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The one file, as it lies in a container."""
    path = tmp_path_factory.mktemp("opt") / "reloader.py"
    path.write_text(source(), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project that all tests of a module edit in turn."""
    path = tmp_path_factory.mktemp("shared") / "project"
    path.mkdir()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a project, with nothing in it."""
    path = tmp_path / "project"
    path.mkdir()
    return path

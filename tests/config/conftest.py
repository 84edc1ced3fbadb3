from collections.abc import Callable
from pathlib import Path

import pytest

from syncd import config
from syncd.errors import ConfigError


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with `app/` and `web/` in it, below nobody's home."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "project"
    for name in ("app", "web", "app/static"):
        (folder / name).mkdir(parents=True)
    (folder / "app" / "main.py").write_text("print()\n")
    return folder


@pytest.fixture
def refused(project: Path) -> Callable[[str], ConfigError]:
    """Return the refusal of a `syncd.toml` with the given text."""

    def refuse(text: str) -> ConfigError:
        (project / "syncd.toml").write_text(text)
        with pytest.raises(ConfigError) as caught:
            config.load(project, environ={})
        return caught.value

    return refuse

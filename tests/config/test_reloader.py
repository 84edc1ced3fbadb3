"""`[target.reloader]`: what it comes to, and what is refused."""

from pathlib import Path

import pytest

from syncd import config
from syncd.config import Reloader
from syncd.errors import ConfigError


TARGET = """
[[target]]
workload = "deployment/web"
sync = [{ local = "app", remote = "/app" }]

[target.reloader]
"""


def read(project: Path, text: str) -> Reloader:
    (project / "syncd.toml").write_text(TARGET + text)
    (target,) = config.load(project, environ={}).targets
    assert target.reloader is not None
    return target.reloader


def test_everything_can_be_said(project: Path) -> None:
    reloader = read(
        project,
        """
        inject = true
        command = ["uvicorn", "main:app"]
        warm = ["pandas"]
        cold = ["acme.metrics", "numpy"]
        drain_s = 5
        """,
    )

    assert reloader == Reloader(
        inject=True,
        command=("uvicorn", "main:app"),
        warm=("pandas",),
        cold=("acme.metrics", "numpy"),
        drain_s=5,
    )


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('cold = ["--stay"]', "cannot be the name of a Python module"),
        ('warm = ["acme."]', "cannot be the name of a Python module"),
        ("drain_s = 0", "make it greater than 0"),
        ("command = []", "is empty"),
    ],
)
def test_what_makes_no_sense_is_refused(project: Path, text: str, what: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(project, text)

    assert what in f"{error.value} {error.value.hint}"

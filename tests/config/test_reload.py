"""`[target.reload]`: the words of a server that syncd does not know."""

from pathlib import Path

import pytest

from syncd import config
from syncd.daemon import rules
from syncd.reload import Armed, Began, Reader, Serving, Sign


TARGET = """
[[target]]
workload = "deployment/web"
sync = [{ local = "app", remote = "/app" }]
"""
OWN = """
[target.reload]
server = "our-server"
armed = '^watching \\d+ files'
began = "change seen"
serving = "up again|is up"
"""


def reader(project: Path, text: str) -> Reader:
    (project / "syncd.toml").write_text(TARGET + text)
    (target,) = config.load(project, environ={}).targets
    return Reader(rules.patterns(target))


@pytest.mark.parametrize(
    ("line", "sign"),
    [
        ("watching 12 files", Armed("our-server")),
        ("10:02 change seen in main.py", Began("our-server")),
        ("10:03 up again", Serving("our-server")),
        ("INFO:     Application startup complete.", Serving("uvicorn")),
        ("10:04 GET /", None),
    ],
)
def test_a_server_s_own_words_are_understood_beside_the_known_ones(
    project: Path, line: str, sign: Sign | None
) -> None:
    assert reader(project, OWN).feed(line) == (() if sign is None else (sign,))


def test_one_expression_is_enough(project: Path) -> None:
    lines = reader(project, '[target.reload]\nserving = "up"\n')

    assert lines.feed("up") == (Serving("the program"),)
    assert lines.feed("") == ()

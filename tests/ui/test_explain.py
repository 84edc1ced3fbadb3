from pathlib import Path

import pytest

from syncd import config
from syncd.daemon import rules
from syncd.daemon.folder import Folder
from syncd.ui.explain import explained


FILE = """\
[[target]]
workload = "deployment/web"
sync = [
  { local = "app", remote = "/app", ignore = ["*.md"] },
]
[[target.rule]]
paths = ["requirements*.txt"]
action = "run"
run = ["pip", "install"]
[[target.rule]]
paths = ["*.txt", "*.log"]
action = "ignore"
[[target.rule]]
paths = ["*.yaml"]
action = "restart"
restart = { match = "uvicorn" }
[[target.rule]]
paths = ["*.css"]
action = "sync"

[[target]]
selector = "app=worker"
sync = [{ local = "app", remote = "/srv/worker" }]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "syncd.toml").write_text(FILE)
    (tmp_path / "app" / "sub").mkdir(parents=True)
    (tmp_path / "app" / "sub" / ".gitignore").write_text("# what is made\n*.out\n")
    return tmp_path


def said(
    project: Path, path: str, *, cwd: Path | None = None
) -> tuple[list[str], bool]:
    settings = config.load(project, environ={})
    lines, synced = explained(settings, Path(path), cwd or project)
    return lines[1:], synced


def test_a_path_lands_in_every_target_that_has_its_folder(project: Path) -> None:
    assert said(project, "app/sub/main.py") == (
        [
            "  → deployment/web:/app/sub/main.py",
            "  → app=worker:/srv/worker/sub/main.py",
        ],
        True,
    )


@pytest.mark.parametrize(
    ("path", "because"),
    [
        pytest.param(
            "app/a.md",
            "*.md, syncd.toml:4: target[0].sync[0].ignore[0]",
            id="the settings",
        ),
        pytest.param(
            "app/a.log",
            "*.log, syncd.toml:11: target[0].rule[1].paths[1]",
            id="an ignore rule",
        ),
        pytest.param("app/sub/a.out", "*.out, app/sub/.gitignore:2", id=".gitignore"),
        pytest.param("app/.git/config", ".git meets .git/, built-in", id="built in"),
    ],
)
def test_what_stays_here_names_its_rule_and_where_it_stands(
    project: Path, path: str, because: str
) -> None:
    lines, _ = said(project, path)

    assert lines[0] == f"  deployment/web: not synced: {because}"


def test_a_path_that_one_target_takes_is_synced(project: Path) -> None:
    assert said(project, "app/a.md")[1]
    assert not said(project, "app/sub/a.out")[1]


def test_a_rule_says_what_follows(project: Path) -> None:
    lines, _ = said(project, "app/requirements-dev.txt")

    assert lines[:3] == [
        "  → deployment/web:/app/requirements-dev.txt",
        "    not ignored: !requirements*.txt, syncd.toml:7: target[0].rule[0].paths[0]",
        "    then run pip install: syncd.toml:6: target[0].rule[0]",
    ]
    assert said(project, "app/x.yaml")[0][1] == (
        "    then send HUP to uvicorn: syncd.toml:13: target[0].rule[2]"
    )
    assert said(project, "app/x.css")[0][1] == (
        "    then nothing more: syncd.toml:17: target[0].rule[3]"
    )


def test_the_folder_itself_is_the_root(project: Path) -> None:
    lines, synced = said(project, "app")

    assert lines[0] == "  → deployment/web:/app, the root of an entry"
    assert synced


def test_a_path_elsewhere_names_the_folders_that_are_synced(project: Path) -> None:
    assert said(project, "web/x.py") == ([f"  {project}/app"], False)


def test_places_can_be_followed_from_the_working_folder(project: Path) -> None:
    sub = project / "app" / "sub"

    assert said(project, "a.out", cwd=sub)[0][0].endswith("*.out, .gitignore:2")
    assert f"{project}/syncd.toml:4" in said(project, "a.md", cwd=sub)[0][0]


def test_a_path_that_is_not_there_is_explained_all_the_same(project: Path) -> None:
    settings = config.load(project, environ={})
    (project / "app" / "here.py").touch()

    titles = [
        explained(settings, Path("app", name), project)[0][0]
        for name in ("here.py", "gone\x1b.py")
    ]

    assert titles == [
        f"{project}/app/here.py",
        f"{project}/app/gone\\x1b.py, which is not there",
    ]


async def test_it_agrees_with_the_daemon_where_there_is_no_repository(
    project: Path,
) -> None:
    (project / ".syncdignore").write_text("*.tmp\n")
    (project / "app" / "x.tmp").write_text("")
    (project / "app" / "x.py").write_text("")
    settings = config.load(project, environ={})
    target = settings.targets[1]
    patterns = rules.ignored(target, target.sync[0])

    folder = await Folder.open(
        target.sync[0].local, patterns, lambda _: None, project=settings.project
    )

    assert {b"x.tmp", b"x.py"} & folder.tree.keys() == {b"x.py"}
    assert said(project, "app/x.tmp") == (
        [
            "  deployment/web: not synced: *.tmp, .syncdignore:1",
            "  app=worker: not synced: *.tmp, .syncdignore:1",
        ],
        False,
    )

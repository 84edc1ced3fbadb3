from pathlib import Path

import pytest

from syncd import config
from syncd.config import Flags
from syncd.errors import ConfigError


FILE = """\
context = "from-file"
kubeconfig = "kube.yaml"
allow_contexts = ["staging-*"]

[watch]
quiet_ms = 20

[[target]]
workload = "sts/db"
namespace = "from-file"
sync = [{ local = "app", remote = "/app/", ignore = ["*.md", "!keep.md"] }]

[[target.rule]]
paths = ["requirements*.txt"]
action = "run"
run = ["pip", "install", "-r", "requirements.txt"]
cwd = "/app"
timeout_s = 60

[[target.rule]]
paths = ["*.yaml"]
action = "restart"
restart = { match = "uvicorn main:app" }

[[target]]
selector = "app=web, tier!=db"
container = "web"
mode = "one-way-replica"
sync = [
  { local = "web", remote = "/srv/web" },
  { local = "app/static", remote = "/srv/static" },
]
"""


@pytest.fixture
def filed(project: Path) -> Path:
    (project / "syncd.toml").write_text(FILE)
    return project


def test_a_file_becomes_settings(filed: Path) -> None:
    settings = config.load(filed, environ={})

    assert settings.context == "from-file"
    assert settings.kubeconfig == filed / "kube.yaml"
    assert settings.allow_contexts == ("staging-*",)
    assert settings.watch == config.Watch(quiet_ms=20)
    assert settings.targets == (
        config.Target(
            workload="statefulset/db",
            namespace="from-file",
            sync=(
                config.Sync(
                    local=filed / "app", remote="/app", ignore=("*.md", "!keep.md")
                ),
            ),
            rule=(
                config.RunRule(
                    paths=("requirements*.txt",),
                    action="run",
                    run=("pip", "install", "-r", "requirements.txt"),
                    cwd="/app",
                    timeout_s=60,
                ),
                config.RestartRule(
                    paths=("*.yaml",),
                    action="restart",
                    restart=config.Restart(match="uvicorn main:app", signal="HUP"),
                ),
            ),
        ),
        config.Target(
            selector="app=web,tier!=db",
            container="web",
            mode="one-way-replica",
            sync=(
                config.Sync(local=filed / "web", remote="/srv/web"),
                config.Sync(local=filed / "app" / "static", remote="/srv/static"),
            ),
        ),
    )


def test_what_is_left_out_has_its_default(project: Path) -> None:
    (project / "syncd.toml").write_text(
        "[[target]]\nworkload = 'pod/x'\nsync = [{ local = '.', remote = '/app' }]"
    )

    settings = config.load(project, environ={})

    assert settings.context is None
    assert settings.kubeconfig is None
    assert settings.allow_contexts == ()
    assert settings.watch == config.Watch(
        quiet_ms=10, burst_ms=50, cap_ms=1000, poll=False
    )
    target = settings.targets[0]
    assert (target.namespace, target.container) == (None, None)
    assert target.mode == "one-way-safe"
    assert target.rules == ()
    assert target.sync[0].local == project


def test_settings_cannot_be_changed(filed: Path) -> None:
    settings = config.load(filed, environ={})

    with pytest.raises(ValueError, match="frozen"):
        settings.context = "other"


def test_a_variable_outranks_the_file(filed: Path) -> None:
    settings = config.load(
        filed,
        environ={
            "SYNCD_CONTEXT": "from-variable",
            "SYNCD_KUBECONFIG": "other.yaml",
            "SYNCD_ALLOW_CONTEXTS": "a-*, b c",
            "SYNCD_NAMESPACE": "ns",
            "SYNCD_CONTAINER": "main",
            "SYNCD_MODE": "one-way-replica",
            "SYNCD_WATCH_QUIET_MS": "5",
            "SYNCD_WATCH_BURST_MS": "6",
            "SYNCD_WATCH_CAP_MS": "7",
            "SYNCD_WATCH_POLL": "yes",
        },
    )

    assert settings.context == "from-variable"
    assert settings.kubeconfig == filed / "other.yaml"
    assert settings.allow_contexts == ("a-*", "b", "c")
    assert settings.watch == config.Watch(quiet_ms=5, burst_ms=6, cap_ms=7, poll=True)
    for target in settings.targets:
        assert target.namespace == "ns"
        assert target.container == "main"
        assert target.mode == "one-way-replica"


def test_a_flag_outranks_a_variable(filed: Path) -> None:
    settings = config.load(
        filed / "app",
        environ={"SYNCD_CONTEXT": "variable", "SYNCD_WATCH_POLL": "1"},
        flags=Flags(
            context="flag",
            kubeconfig="k.yaml",
            allow_contexts=("x",),
            namespace="ns",
            poll=False,
        ),
    )

    assert settings.context == "flag"
    assert settings.kubeconfig == filed / "app" / "k.yaml"
    assert settings.allow_contexts == ("x",)
    assert {target.namespace for target in settings.targets} == {"ns"}
    assert settings.watch.poll is False


def test_an_empty_variable_says_nothing(filed: Path) -> None:
    settings = config.load(filed, environ={"SYNCD_CONTEXT": "", "SYNCD_MODE": " "})

    assert settings.context == "from-file"


def test_a_tilde_is_the_home_folder(
    filed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")

    settings = config.load(filed, environ={"SYNCD_KUBECONFIG": "~/.kube/dev"})

    assert settings.kubeconfig == Path("/home/me/.kube/dev")


@pytest.mark.parametrize(
    ("environ", "flags", "message"),
    [
        pytest.param(
            {"SYNCD_WATCH_POLL": "maybe"},
            Flags(),
            'SYNCD_WATCH_POLL: must be true or false, not "maybe"',
            id="variable that is no boolean",
        ),
        pytest.param(
            {"SYNCD_WATCH_CAP_MS": "1s"},
            Flags(),
            'SYNCD_WATCH_CAP_MS: must be a whole number, not "1s"',
            id="variable that is no number",
        ),
        pytest.param(
            {"SYNCD_WATCH_CAP_MS": "5"},
            Flags(),
            "SYNCD_WATCH_CAP_MS: burst_ms = 50 is longer than cap_ms = 5",
            id="variable at odds with the file",
        ),
        pytest.param(
            {"SYNCD_NAMESPACE": "x"},
            Flags(container="A"),
            '--container: "A" cannot be the name of a namespace or container',
            id="flag",
        ),
    ],
)
def test_a_refusal_names_the_flag_or_variable(
    filed: Path, environ: dict[str, str], flags: Flags, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(filed, environ=environ, flags=flags)

    assert message in str(caught.value)
    assert "syncd.toml" not in str(caught.value)


def test_arguments_take_the_place_of_the_targets_of_the_file(filed: Path) -> None:
    settings = config.load(
        filed / "app",
        environ={},
        pair=("static", "deployment/web:/srv"),
    )

    assert settings.context == "from-file"
    assert settings.project == filed
    assert [target.title for target in settings.targets] == ["deployment/web"]
    assert settings.targets[0].sync[0].local == filed / "app" / "static"


def test_arguments_may_name_a_folder_outside_the_project(
    filed: Path, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()

    settings = config.load(
        filed, environ={}, pair=("../elsewhere", "deployment/web:/srv")
    )

    assert settings.targets[0].sync[0].local == elsewhere


def test_a_namespace_in_the_arguments_outranks_a_variable(project: Path) -> None:
    settings = config.load(
        project, environ={"SYNCD_NAMESPACE": "b"}, pair=("app", "a/web-0:/srv")
    )

    assert settings.targets[0].namespace == "a"


def test_two_namespaces_on_one_command_line_are_refused(project: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(
            project,
            environ={},
            flags=Flags(namespace="b"),
            pair=("app", "a/web-0:/srv"),
        )

    assert str(caught.value) == (
        'the target names the namespace "a", --namespace names "b"'
    )


def test_flags_do_not_hide_what_is_wrong_in_the_file(project: Path) -> None:
    (project / "syncd.toml").write_text("watch = 1\ntarget = [2]\n")

    with pytest.raises(ConfigError) as caught:
        config.load(project, environ={}, flags=Flags(namespace="x", poll=True))

    assert "syncd.toml:1: watch: must be a table, not 1" in str(caught.value)
    assert "syncd.toml:2: target[0]: must be a table, not 2" in str(caught.value)

"""`[target.rebuild]`: what it comes to, and what is refused."""

from collections.abc import Callable
from pathlib import Path

import pytest

from syncd import config
from syncd.config import FromEnv, FromFile, Rebuild
from syncd.errors import ConfigError


TARGET = """
[[target]]
workload = "deployment/web"
sync = [{ local = "app", remote = "/app" }]
"""


@pytest.fixture
def read(project: Path) -> Callable[[str], Rebuild]:
    """Return what a `[target.rebuild]` of the given text comes to."""
    (project / "Dockerfile").write_text("FROM scratch\n")
    (project / "web" / "Dockerfile.dev").write_text("FROM scratch\n")

    def read(text: str) -> Rebuild:
        (project / "syncd.toml").write_text(f"{TARGET}[target.rebuild]\n{text}\n")
        (target,) = config.load(project, environ={}).targets
        assert target.rebuild is not None
        return target.rebuild

    return read


def test_without_the_table_nothing_is_rebuilt(project: Path) -> None:
    (project / "syncd.toml").write_text(TARGET)

    assert config.load(project, environ={}).targets[0].rebuild is None


def test_an_empty_table_is_enough(
    project: Path, read: Callable[[str], Rebuild]
) -> None:
    rebuild = read("")

    assert rebuild.context == project
    assert rebuild.dockerfile == "Dockerfile"
    assert (rebuild.builder, rebuild.deliver) == ("auto", "auto")
    assert rebuild.inputs == ()
    assert not rebuild.rollback


def test_everything_can_be_said(project: Path, read: Callable[[str], Rebuild]) -> None:
    rebuild = read(
        """
        context = "web"
        dockerfile = "Dockerfile.dev"
        inputs = ["requirements*.txt"]
        image = "k3d-registry.localhost:5000/team/my_app"
        registry = "localhost:5000"
        builder = ["my-build", "{context}", "--tag={tag}"]
        build_args = { BASE = "python:3.12", TOKEN = { env = "PIP_TOKEN" } }
        secrets = { pip = { env = "PIP_TOKEN" }, netrc = { file = "~/.netrc" } }
        platform = "linux/amd64"
        deliver = "kind"
        rollback = true
        timeout_s = 60
        """
    )

    assert rebuild.context == project / "web"
    assert rebuild.builder == ("my-build", "{context}", "--tag={tag}")
    assert rebuild.build_args == {
        "BASE": "python:3.12",
        "TOKEN": FromEnv(env="PIP_TOKEN"),
    }
    assert rebuild.secrets == {
        "pip": FromEnv(env="PIP_TOKEN"),
        "netrc": FromFile(file="~/.netrc"),
    }
    assert rebuild.timeout_s == 60


WHERE = "syncd.toml:6: target[0].rebuild"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        pytest.param(
            'dockerfiel = "x"',
            f"{WHERE}.dockerfiel: is not a key that syncd knows",
            "did you mean dockerfile?",
            id="unknown key",
        ),
        pytest.param(
            'dockerfile = "Dockerfil"',
            f'{WHERE}.dockerfile: "Dockerfil" does not exist in PROJECT',
            'did you mean "Dockerfile"?',
            id="no such Dockerfile",
        ),
        pytest.param(
            'context = "wb"',
            f'{WHERE}.context: "wb" does not exist in PROJECT',
            'make the folder, or correct the path; did you mean "web"?',
            id="no such context",
        ),
        pytest.param(
            "context = 3",
            f"{WHERE}.context: must be a string, not 3",
            'for example context = "."',
            id="number for a path",
        ),
        pytest.param(
            'image = "localhost:5000/myapp:dev"',
            f'{WHERE}.image: "localhost:5000/myapp:dev" names a tag or digest',
            'write "localhost:5000/myapp": the tag says what the image was built from',
            id="an image with a tag",
        ),
        pytest.param(
            'image = "myapp@sha256:00"',
            f'{WHERE}.image: "myapp@sha256:00" names a tag or digest',
            'write "myapp": the tag says what the image was built from',
            id="an image with a digest",
        ),
        pytest.param(
            'image = "MyApp"',
            f'{WHERE}.image: "MyApp" is not the name of an image',
            'write one such as "localhost:5000/myapp", in lower case',
            id="an image in capitals",
        ),
        pytest.param(
            'registry = "http://localhost:5000"',
            f'{WHERE}.registry: "http://localhost:5000" is not the address of a'
            " registry",
            'write host or host:port, such as "localhost:5000"',
            id="a registry as a URL",
        ),
        pytest.param(
            'builder = "dokcer"',
            f'{WHERE}.builder: "dokcer" is not a builder that syncd knows',
            'write "auto", "buildx", "docker", "podman", "nerdctl" or "buildah", or a'
            ' list of words for a command of your own; did you mean "docker"?',
            id="unknown builder",
        ),
        pytest.param(
            'builder = "make image"',
            f'{WHERE}.builder: "make image" is not a builder that syncd knows',
            'write "auto", "buildx", "docker", "podman", "nerdctl" or "buildah", or a'
            " list of words for a command of your own",
            id="a command in one string",
        ),
        pytest.param(
            'builder = ["make", "image"]',
            f'{WHERE}.builder: is a command without "{{tag}}"',
            'add "{tag}" where the command takes the name of the image',
            id="a command that does not know the tag",
        ),
        pytest.param(
            "builder = 3",
            f"{WHERE}.builder: is neither the name of a builder nor a list of words",
            'write "auto", or for example ["my-build", "{context}", "{tag}"]',
            id="number for a builder",
        ),
        pytest.param(
            "build_args = ['A=1']",
            f"{WHERE}.build_args: must be a table",
            'write for example { BASE = "python:3.12" }',
            id="list for build arguments",
        ),
        pytest.param(
            "build_args = { 'A=1' = 'x' }",
            f'{WHERE}.build_args: "A=1" cannot be a name here',
            'as in { BASE = "python:3.12" }',
            id="odd name of a build argument",
        ),
        pytest.param(
            "build_args = { A = 1 }",
            f"{WHERE}.build_args: holds a value that says not where to take it from",
            'write { env = "NAME" }, or for a secret { file = "PATH" }',
            id="number for a build argument",
        ),
        pytest.param(
            "secrets = { pip = 'hunter2' }",
            f"{WHERE}.secrets: holds a value that says not where to take it from",
            'write { env = "NAME" }, or for a secret { file = "PATH" }',
            id="a secret in the settings",
        ),
        pytest.param(
            "secrets = { pip = { env = 'A', file = 'b' } }",
            f"{WHERE}.secrets: holds a value that says not where to take it from",
            'write { env = "NAME" }, or for a secret { file = "PATH" }',
            id="a secret from two places",
        ),
        pytest.param(
            'deliver = "pusch"',
            f'{WHERE}.deliver: "pusch" is not a choice here',
            'write "auto", "push", "k3d", "kind", "minikube", "nerdctl" or "none"; did'
            ' you mean "push"?',
            id="unknown delivery",
        ),
        pytest.param(
            "timeout_s = 0",
            f"{WHERE}.timeout_s: is 0",
            "make it greater than 0",
            id="no time at all",
        ),
    ],
)
def test_what_is_wrong_is_said(
    project: Path,
    refused: Callable[[str], ConfigError],
    text: str,
    message: str,
    hint: str,
) -> None:
    (project / "Dockerfile").write_text("FROM scratch\n")

    error = refused(f"{TARGET}[target.rebuild]\n{text}")

    said = str(error).partition("\n")[0]
    assert said == message.replace("PROJECT", str(project))
    assert error.hint == hint


def test_a_secret_is_not_quoted_in_the_refusal(
    project: Path, refused: Callable[[str], ConfigError]
) -> None:
    (project / "Dockerfile").write_text("FROM scratch\n")

    error = refused(f"{TARGET}[target.rebuild]\nsecrets = {{ pip = 'hunter2' }}")

    assert "hunter2" not in f"{error} {error.hint}"


@pytest.mark.parametrize(
    "name", ['workload = "pod/web"', 'selector = "app=web"'], ids=["pod", "selector"]
)
def test_only_what_replaces_its_pods_can_be_rebuilt(
    project: Path, refused: Callable[[str], ConfigError], name: str
) -> None:
    (project / "Dockerfile").write_text("FROM scratch\n")
    target = TARGET.replace('workload = "deployment/web"', name)

    error = refused(f"{target}[target.rebuild]")

    assert str(error) == (
        "syncd.toml:5: target[0].rebuild: needs a workload that replaces its Pods"
    )


def test_a_missing_dockerfile_that_nobody_named_is_said_too(
    refused: Callable[[str], ConfigError], project: Path
) -> None:
    error = refused(f"{TARGET}[target.rebuild]")

    assert '"Dockerfile" does not exist in' in str(error)
    assert error.hint == "name the Dockerfile"


def test_a_command_of_one_s_own_may_do_without_a_dockerfile(project: Path) -> None:
    text = f'{TARGET}[target.rebuild]\nbuilder = ["nix-build", "{{tag}}"]'
    (project / "syncd.toml").write_text(text)

    assert config.load(project, environ={}).targets[0].rebuild is not None

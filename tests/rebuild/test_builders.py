from pathlib import Path

import pytest

from syncd.rebuild.builders import BUILDERS, Job, filled


JOB = Job(
    context=Path("/src"),
    dockerfile=Path("/src/Dockerfile.dev"),
    reference="localhost:5000/myapp:syncd-0123456789ab",
    digest="0123456789abcdef",
)
FULL = Job(
    context=Path("/src"),
    dockerfile=Path("/src/Dockerfile"),
    reference="r",
    digest="d",
    arguments=("BASE",),
    secrets={"pip": "env=PIP_TOKEN", "netrc": "src=/home/me/.netrc"},
    platform="linux/arm64",
)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("buildx", "docker buildx build --load --progress=plain"),
        ("docker", "docker build --force-rm"),
        ("podman", "podman build"),
        ("nerdctl", "nerdctl build --progress=plain"),
        ("buildah", "buildah build"),
    ],
)
def test_every_builder_is_told_the_same(name: str, command: str) -> None:
    assert BUILDERS[name].build(JOB) == (
        *command.split(),
        *("-f", "/src/Dockerfile.dev"),
        *("-t", "localhost:5000/myapp:syncd-0123456789ab"),
        *("--label", "syncd.inputs=0123456789abcdef"),
        "/src",
    )


def test_values_of_arguments_and_secrets_are_in_no_command_line() -> None:
    assert BUILDERS["podman"].build(FULL) == (
        *("podman", "build", "-f", "/src/Dockerfile", "-t", "r"),
        *("--label", "syncd.inputs=d"),
        *("--build-arg", "BASE"),
        *("--secret", "id=pip,env=PIP_TOKEN"),
        *("--secret", "id=netrc,src=/home/me/.netrc"),
        *("--platform", "linux/arm64"),
        "/src",
    )


@pytest.mark.parametrize(
    ("name", "insecure", "command"),
    [
        ("buildx", True, "docker push r"),
        ("docker", True, "docker push r"),
        ("podman", True, "podman push --tls-verify=false r"),
        ("podman", False, "podman push r"),
        ("nerdctl", True, "nerdctl push --insecure-registry r"),
        ("buildah", True, "buildah push --tls-verify=false r"),
    ],
)
def test_how_each_pushes(name: str, command: str, *, insecure: bool) -> None:
    assert BUILDERS[name].push("r", insecure=insecure) == tuple(command.split())


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("docker", "docker save -o /t/i.tar r"),
        ("nerdctl", "nerdctl save -o /t/i.tar r"),
        ("buildah", "buildah push r docker-archive:/t/i.tar:r"),
    ],
)
def test_how_each_saves(name: str, command: str) -> None:
    assert BUILDERS[name].save("r", Path("/t/i.tar")) == tuple(command.split())


def test_a_command_of_one_s_own_gets_the_names() -> None:
    words = ["my build", "{context}", "--tag={tag}", "{dockerfile}:{platform}", "${x}"]

    assert filled(words, FULL) == (
        "my build",
        "/src",
        "--tag=r",
        "/src/Dockerfile:linux/arm64",
        "${x}",
    )


def test_a_name_in_a_value_is_not_filled_in_again() -> None:
    odd = Job(Path("/{tag}"), Path("/{platform}"), "{context}", "d")

    assert filled(["{context}{tag}", "{dockerfile}"], odd) == (
        "/{tag}{context}",
        "/{platform}",
    )

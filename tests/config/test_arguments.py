import os
from pathlib import Path

import pytest

from syncd.config import Flags, from_arguments
from syncd.errors import ConfigError


@pytest.mark.parametrize(
    ("remote", "workload", "namespace", "path"),
    [
        pytest.param("web-0:/app", "pod/web-0", None, "/app", id="pod"),
        pytest.param("ns/web-0:/app", "pod/web-0", "ns", "/app", id="namespace/pod"),
        pytest.param(
            "deployment/web:/app", "deployment/web", None, "/app", id="deployment"
        ),
        pytest.param("deploy/web:/a/", "deployment/web", None, "/a", id="short kind"),
        pytest.param(
            "deployments.apps/web:/a", "deployment/web", None, "/a", id="group"
        ),
        pytest.param("sts/db:/a", "statefulset/db", None, "/a", id="statefulset"),
        pytest.param("po/db-0:/a", "pod/db-0", None, "/a", id="pod by kind"),
        pytest.param(
            "ns/deploy/web:/a", "deployment/web", "ns", "/a", id="namespace/kind/name"
        ),
        pytest.param("x:/a:b", "pod/x", None, "/a:b", id="colon in the path"),
    ],
)
def test_the_second_argument_is_read_as_kubectl_cp_does(
    project: Path, remote: str, workload: str, namespace: str | None, path: str
) -> None:
    settings = from_arguments("app", remote, cwd=project)

    (target,) = settings.targets
    assert (target.workload, target.namespace) == (workload, namespace)
    assert target.sync[0].remote == path
    assert target.sync[0].local == project / "app"


def test_the_folder_itself_is_the_project(project: Path) -> None:
    settings = from_arguments("./app/../app", "deployment/web:/app", cwd=project)

    assert settings.project == project / "app"
    assert settings.source is None


def test_flags_hold_for_the_arguments(project: Path) -> None:
    flags = Flags(namespace="ns", container="main", context="dev")

    settings = from_arguments("app", "deployment/web:/app", cwd=project, flags=flags)

    assert settings.context == "dev"
    assert settings.targets[0].namespace == "ns"
    assert settings.targets[0].container == "main"


@pytest.mark.parametrize(
    ("local", "remote", "message", "hint"),
    [
        pytest.param(
            "app",
            "deployment/web",
            '"deployment/web" is not of the form TARGET:PATH',
            "for example deployment/myapp:/app, or mypod-0:/app",
            id="no path",
        ),
        pytest.param(
            "deployment/web:/app",
            "app",
            '"deployment/web:/app" names a container, and comes second',
            "the local folder comes first: syncd only ever writes to the Pod",
            id="the wrong way round",
        ),
        pytest.param(
            "app",
            "web:app",
            '"web:app" does not name an absolute folder',
            'write "web:/app": a container\'s working folder is not known beforehand',
            id="relative",
        ),
        pytest.param(
            "app",
            "job/web:/app",
            '"job" is not a kind that syncd follows',
            "name a deployment, statefulset or pod, or use a selector in syncd.toml",
            id="another kind",
        ),
        pytest.param(
            "app",
            "a/b/c:/app",
            '"a/b/c:/app" is not of the form TARGET:PATH',
            "for example deployment/myapp:/app, or mypod-0:/app",
            id="too many parts",
        ),
        pytest.param(
            "app",
            ":/app",
            '":/app" is not of the form TARGET:PATH',
            "for example deployment/myapp:/app, or mypod-0:/app",
            id="no target",
        ),
        pytest.param(
            "app",
            "Web:/app",
            '"Web:/app": "Web" cannot be the name of a pod',
            'use lower-case letters, digits, "-" and "."',
            id="impossible name",
        ),
        pytest.param(
            "app",
            "web:/",
            '"web:/": "/" is the whole container',
            'name a folder in it, such as "/app"',
            id="root",
        ),
    ],
)
def test_arguments_are_refused(
    project: Path, local: str, remote: str, message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        from_arguments(local, remote, cwd=project)

    assert str(caught.value) == message
    assert caught.value.hint == hint


@pytest.mark.parametrize(
    ("local", "what"),
    [
        pytest.param("ap", "does not exist", id="missing"),
        pytest.param("app/main.py", "is a file", id="file"),
    ],
)
def test_the_folder_must_exist(project: Path, local: str, what: str) -> None:
    with pytest.raises(ConfigError) as caught:
        from_arguments(local, "web:/app", cwd=project)

    assert str(caught.value) == f'"{local}": "{project}/{local}" {what}'


def test_a_folder_may_have_a_name_that_is_no_text(project: Path) -> None:
    folder = os.fsdecode(b"\xff\n")
    (project / folder).mkdir()

    settings = from_arguments(folder, "web:/app", cwd=project)

    assert settings.targets[0].sync[0].local == project / folder

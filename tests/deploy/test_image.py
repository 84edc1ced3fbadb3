"""The image, and the names that several files have to agree on."""

import re
import tomllib

import yaml

from tests.deploy.programs import ROOT


def test_the_cluster_and_the_commands_use_the_same_names() -> None:
    cluster = yaml.safe_load((ROOT / "deploy/k3d.yaml").read_text())
    up = (ROOT / "deploy/up").read_text()
    registry = cluster["registries"]["create"]
    assert (cluster["apiVersion"], cluster["kind"]) == ("k3d.io/v1alpha5", "Simple")
    assert f"CLUSTER={cluster['metadata']['name']}\n" in up
    assert f"PULL={registry['name']}:{registry['hostPort']}/myapp" in up
    assert f"PUSH=localhost:{registry['hostPort']}/myapp" in up
    assert cluster["ports"][0]["port"].endswith(":8080:80")
    assert "http://myapp.localhost:8080" in up


def requirement_bounds(lines: list[str]) -> dict[str, str]:
    """Return each requirement's lower bound by its name and extras."""
    found = (re.match(r"([a-z\[\]-]+)>=([0-9.]+)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def test_the_image_holds_what_is_tested_here() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lines = (ROOT / "deploy/myapp/requirements.txt").read_text().splitlines()
    wanted = requirement_bounds(lines)
    assert wanted
    assert wanted == requirement_bounds(project["dependency-groups"]["demo"])
    # An upper bound each: the next major version comes by a commit.
    assert all(",<" in line for line in lines if not line.startswith("#"))


def test_the_dockerfile_builds_with_any_builder_on_any_base() -> None:
    lines = (ROOT / "Dockerfile.dev").read_text().splitlines()
    code = [line for line in lines if line and not line.startswith("#")]
    assert code[:2] == ["ARG BASE=python:3.12-slim", "FROM ${BASE}"]
    assert not [line for line in code if "--mount" in line or "<<" in line]
    dependencies = code.index(
        "COPY deploy/myapp/requirements.txt /tmp/requirements.txt"
    )
    assert dependencies < code.index("COPY --chown=10001:10001 deploy/myapp /app")
    assert "USER 10001:10001" in code

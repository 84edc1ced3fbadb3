"""`syncd doctor` on the real cluster."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cluster.kube import Kube, Workload
from tests.cluster.watching import Syncd


pytestmark = pytest.mark.cluster


def findings(syncd: Syncd, *args: str) -> tuple[int, list[Any]]:
    done = syncd.call("doctor", *args)
    assert not done.err
    return done.code, json.loads(done.out)["findings"]


def test_what_is_well_is_told_and_what_is_not_has_its_remedy(
    kube: Kube, workload: Callable[..., Workload], tmp_path: Path
) -> None:
    security = {"securityContext": {"runAsUser": 1000}}
    web = workload("web", command=("sleep", "100000"), container=security)
    (tmp_path / "local").mkdir()
    here = str(tmp_path / "local")
    place = ("-n", kube.namespace)
    well, found = findings(
        Syncd(tmp_path / "syncd"), here, f"{web.target}:/tmp", *place
    )
    _, unwritable = findings(
        Syncd(tmp_path / "syncd"), here, f"{web.target}:/etc", *place
    )
    token = kube.account(
        "looker",
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
        {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list"]},
    )
    looker = Syncd(
        tmp_path / "syncd", kube.kubeconfig(tmp_path / "config", token=token)
    )
    ill, missing = findings(looker, here, f"{web.target}:/tmp", *place)

    assert well == 0, found
    said = [f"{each['check']}: {each['said']}" for each in found]
    assert any("python 3" in each for each in said)
    assert any("/tmp is there and writable" in each for each in said)
    assert f"rights in {kube.namespace} for {web.target}: all that syncd needs" in said
    warned = [each for each in unwritable if each["verdict"] == "warning"]
    assert any("/etc cannot be written by" in each["said"] for each in warned)
    assert ill == 1
    failed = [each["said"] for each in missing if each["verdict"] == "failed"]
    assert "this account may not get or create pods/exec" in failed
    assert "this account may not watch deployments" in failed

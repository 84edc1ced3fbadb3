"""Credentials that end while syncd runs."""

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.cluster.edits import save, whole
from tests.cluster.kube import Kube, Workload
from tests.cluster.looking import until_equal
from tests.cluster.watching import Syncd


pytestmark = pytest.mark.cluster

RULES = (
    {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": [""], "resources": ["pods/exec"], "verbs": ["get", "create"]},
    {
        "apiGroups": ["apps"],
        "resources": ["deployments"],
        "verbs": ["get", "list", "watch"],
    },
)

# A credential plugin, as those of clouds are: prints a token, and counts its calls.
PLUGIN = """#!/bin/sh
echo called >> {home}/calls
cat <<END
{{
  "apiVersion": "client.authentication.k8s.io/v1beta1",
  "kind": "ExecCredential",
  "status": {{"token": "$(cat {home}/token)"}}
}}
END
"""


@pytest.fixture(scope="module")
def web(workload: Callable[..., Workload]) -> Workload:
    return workload("web")


def bound_token(kube: Kube, account: str, secret: str) -> str:
    """Return a token that ends with a secret."""
    kube("create", "secret", "generic", secret)
    uid = kube("get", "secret", secret, "-o", "jsonpath={.metadata.uid}")
    reference = {"kind": "Secret", "apiVersion": "v1", "name": secret, "uid": uid}
    asked = {
        "apiVersion": "authentication.k8s.io/v1",
        "kind": "TokenRequest",
        "spec": {"boundObjectRef": reference},
    }
    path = f"/api/v1/namespaces/{kube.namespace}/serviceaccounts/{account}/token"
    answer = kube("create", "--raw", path, "-f", "-", stdin=json.dumps(asked))
    return str(json.loads(answer)["status"]["token"])


def with_plugin(kube: Kube, home: Path) -> Path:
    """Return a kubeconfig whose user is what a credential plugin says."""
    plugin = home / "plugin"
    plugin.write_text(PLUGIN.format(home=home))
    plugin.chmod(stat.S_IRWXU)
    config = yaml.safe_load(kube.kubeconfig(home / "config").read_text())
    said = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": str(plugin),
    }
    config["users"][0]["user"] = {"exec": said}
    (home / "config").write_text(yaml.safe_dump(config))
    return home / "config"


@pytest.mark.timeout(120)
def test_a_token_that_ends_while_syncd_runs_is_replaced(
    kube: Kube, web: Workload, tmp_path: Path
) -> None:
    kube.account("developer", *RULES)
    first = bound_token(kube, "developer", "first")
    second = bound_token(kube, "developer", "second")
    (tmp_path / "token").write_text(first)
    local = tmp_path / "local"
    local.mkdir()
    save(local / "main.py", whole(b"1"))
    syncd = Syncd(tmp_path / "home", with_plugin(kube, tmp_path))

    with syncd.watch(str(local), f"{web.target}:/srv", "-n", kube.namespace) as run:
        run.until("syncd.in_step")
        (tmp_path / "token").write_text(second)
        kube("delete", "secret", "first")
        # The API server believes a token for some seconds after its end.
        plain = kube.kubeconfig(tmp_path / "plain", token=first)
        while "Unauthorized" not in kube(
            f"--kubeconfig={plain}", "get", "pods", check=False
        ):
            assert run.process.poll() is None
        kube("delete", "pod", "-l", "app=web", "--wait=false")
        save(local / "main.py", whole(b"2"))

        until_equal(web, local, "/srv", story=run.story)
        assert not run.all("error")
        (limits,) = run.all("session.limited")[0]["limits"]
    assert "reloads are not seen" in limits
    assert "may not get pods/log" in limits
    assert (tmp_path / "calls").read_text().count("called") == 2

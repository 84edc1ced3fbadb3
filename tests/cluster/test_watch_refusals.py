"""Bad input, bad luck and missing rights: one clear error, and nothing is lost."""

import datetime as dt
import os
import socket
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.cluster.kube import Kube, Workload
from tests.cluster.watching import Done, Syncd


pytestmark = pytest.mark.cluster

# An image with one program in it, and nothing else.
BARE = os.environ.get("SYNCD_TEST_IMAGE_BARE", "localhost:5000/pause:dev")

PODS = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}
DEPLOYMENTS = {**PODS, "apiGroups": ["apps"], "resources": ["deployments"]}

Sync = Callable[..., Done]


@pytest.fixture(scope="module")
def web(workload: Callable[..., Workload]) -> Workload:
    return workload("web")


@pytest.fixture
def local(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "main.py").write_text("x = 1\n")
    return folder


@pytest.fixture
def sync(tmp_path: Path, local: Path, web: Workload) -> Sync:
    """Runs `syncd sync` to its end."""

    def run(
        target: str = f"{web.target}:/srv",
        *options: str,
        namespace: str = web.kube.namespace,
        kubeconfig: Path | None = None,
        local: Path = local,
    ) -> Done:
        syncd = Syncd(tmp_path / "home", kubeconfig)
        return syncd.run(str(local), target, "-n", namespace, *options)

    return run


# --- on the way to the cluster ----------------------------------------------------


def test_no_kubeconfig(sync: Sync, tmp_path: Path) -> None:
    done = sync(kubeconfig=tmp_path / "nowhere")

    assert done.code == 2
    assert f"no kubeconfig found: looked at {tmp_path}/nowhere" in done.message
    assert "syncd demo" in done.hint


def test_an_api_server_that_is_not_there(
    sync: Sync, kube: Kube, tmp_path: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"https://127.0.0.1:{taken.getsockname()[1]}"
    done = sync(kubeconfig=kube.kubeconfig(tmp_path / "config", server=closed))

    assert done.code == 5
    assert f"cannot reach the Kubernetes API at {closed}" in done.message
    assert "connection refused" in done.message
    assert "is the cluster started" in done.hint


def test_a_client_certificate_that_has_expired(
    sync: Sync, kube: Kube, tmp_path: Path
) -> None:
    config = yaml.safe_load(kube.kubeconfig(tmp_path / "config").read_text())
    config["users"][0]["user"] = expired_certificate()
    (tmp_path / "config").write_text(yaml.safe_dump(config))

    done = sync(kubeconfig=tmp_path / "config")

    assert done.code == 5
    assert "the client certificate expired on 2020-02-02" in done.message
    assert "kubeconfig" in done.hint


def expired_certificate() -> dict[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "somebody")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2020, 2, 2, tzinfo=dt.UTC))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "client-certificate-data": b64encode(certificate.public_bytes(pem)).decode(),
        "client-key-data": b64encode(private).decode(),
    }


def test_a_context_that_is_not_allowed(
    sync: Sync, kube: Kube, web: Workload, tmp_path: Path
) -> None:
    production = kube.kubeconfig(tmp_path / "config", name="production")

    refused = sync(kubeconfig=production)
    allowed = sync(
        f"{web.target}:/tmp",
        "--allow-context=production",
        kubeconfig=production,
    )

    assert refused.code == 3
    assert '"production"' in refused.message
    assert 'allow_contexts = ["production"]' in refused.hint
    assert allowed.code == 0


# --- on the way to the container --------------------------------------------------


def test_an_account_that_may_not_exec(
    sync: Sync, kube: Kube, namespace: str, tmp_path: Path
) -> None:
    token = kube.account("reader", PODS, DEPLOYMENTS)
    done = sync(kubeconfig=kube.kubeconfig(tmp_path / "config", token=token))

    account = f"system:serviceaccount:{namespace}:reader"
    assert done.code == 4
    assert f"{account} may not get pods/exec" in done.message
    assert 'resources: ["pods/exec"], verbs: ["get", "create"]' in done.hint
    assert account in done.hint


def test_a_namespace_that_does_not_exist(sync: Sync) -> None:
    done = sync(namespace="nowhere")

    assert done.code == 4
    assert "that namespace does not exist" in done.message


def test_a_workload_that_does_not_exist(sync: Sync) -> None:
    done = sync("deployment/wbe:/srv")

    assert done.code == 4
    assert "deployment/wbe does not exist" in done.message
    assert "; there is " in done.message
    assert "web" in done.message.partition("; there is ")[2]


def test_the_pods_that_were_looked_at_and_why_they_are_none(
    sync: Sync, kube: Kube, workload: Callable[..., Workload], tmp_path: Path
) -> None:
    workload("two", wait=False, spec={"nodeSelector": {"no": "where"}}, replicas=2)
    syncd = Syncd(tmp_path / "home")
    pair = str(tmp_path / "app"), "deployment/two:/srv"

    with syncd.watch(*pair, "-n", kube.namespace) as watching:
        told = watching.until("target.changed", where=lambda event: event["skipped"])

    assert not told["replicas"]
    assert len(told["skipped"]) == 2
    assert all("is not scheduled" in reason for reason in told["skipped"].values())


def test_a_folder_that_is_missing_in_the_container(sync: Sync, web: Workload) -> None:
    done = sync(f"{web.target}:/missing")

    assert done.code == 4
    assert "/missing does not exist in container app" in done.message
    assert done.hint


def test_a_container_without_a_shell(
    sync: Sync, workload: Callable[..., Workload]
) -> None:
    bare = workload("bare", image=BARE, command=())

    done = sync(f"{bare.target}:/srv")

    assert done.code == 4
    assert "container app has neither Python 3.8 or newer" in done.message
    assert "nor a shell" in done.message
    assert done.hint


# --- here ---------------------------------------------------------------------------


def test_a_local_folder_that_does_not_exist(sync: Sync, tmp_path: Path) -> None:
    done = sync(local=tmp_path / "nowhere")

    assert done.code == 2
    assert "does not exist" in done.message


def test_settings_that_make_no_sense(tmp_path: Path) -> None:
    (tmp_path / "syncd.toml").write_text("[[target]]\nworklod = 'deployment/web'\n")

    done = Syncd(tmp_path).run()

    assert done.code == 2
    assert "worklod" in done.message
    assert "syncd.toml" in done.message

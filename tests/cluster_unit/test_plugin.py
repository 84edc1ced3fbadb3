import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from syncd.cluster import plugin
from syncd.errors import ConfigError, TransportError


def python(script: str, **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": sys.executable,
        "args": ["-c", script],
        **more,
    }


def credential(**status: object) -> bytes:
    return json.dumps({"kind": "ExecCredential", "status": status}).encode()


async def test_a_token_and_its_end_are_taken() -> None:
    written = credential(token=" abc\n", expirationTimestamp="2026-11-22T10:00:00Z")

    given = await plugin.run(python(f"print({written.decode()!r})"), {})

    assert given.user == {"token": "abc"}
    assert given.expires_at == 1795341600


def test_a_certificate_and_key_are_taken() -> None:
    given = plugin.parse("p", credential(clientCertificateData="C", clientKeyData="K"))

    assert given.user == {
        "client-certificate-data": base64.b64encode(b"C").decode(),
        "client-key-data": base64.b64encode(b"K").decode(),
    }
    assert given.expires_at is None


async def test_the_plugin_is_told_of_the_cluster_if_it_asks(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.write_text("CA")
    script = (
        "import json, os; info = json.loads(os.environ['KUBERNETES_EXEC_INFO']);"
        "spec = info['spec']; assert spec['interactive'] is False;"
        "cluster = spec['cluster'];"
        "token = '|'.join([cluster['server'], cluster['certificate-authority-data'],"
        " cluster['config']['audience'], os.environ['PROFILE'], info['apiVersion']]);"
        "print(json.dumps({'status': {'token': token}}))"
    )
    config = {
        "name": "client.authentication.k8s.io/exec",
        "extension": {"audience": "a"},
    }
    cluster = {
        "server": "https://s",
        "certificate-authority": str(authority),
        "extensions": [config],
    }
    described = python(
        script, provideClusterInfo=True, env=[{"name": "PROFILE", "value": "p"}]
    )

    given = await plugin.run(described, cluster)

    assert given.user["token"] == "https://s|Q0E=|a|p|client.authentication.k8s.io/v1"


async def test_a_missing_plugin_is_said_with_its_own_hint() -> None:
    described = {"command": "no-such-plugin", "installHint": "brew install it\n"}

    with pytest.raises(ConfigError, match=r"cannot run .* no-such-plugin") as missing:
        await plugin.run(described, {})

    assert missing.value.hint == "brew install it"


async def test_what_a_failing_plugin_wrote_to_stderr_is_said() -> None:
    script = (
        "import sys; print('secret'); sys.stderr.write('SSO expired\\n'); sys.exit(3)"
    )

    with pytest.raises(TransportError, match="exit code 3: SSO expired") as failed:
        await plugin.run(python(script), {})

    assert "secret" not in str(failed.value)


async def test_a_plugin_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin, "DEADLINE_S", 0.2)

    with pytest.raises(TransportError, match="gave nothing within"):
        await plugin.run(python("import time; time.sleep(60)"), {})


@pytest.mark.parametrize(
    "output",
    [
        b"",
        b"secret",
        b"[]",
        b"{}",
        b'{"status": 1}',
        b'{"status": {"expirationTimestamp": "soon"}}',
        b'{"status": {"clientKeyData": "secret"}}',
        b'{"status": {"token": ""}}',
    ],
)
def test_what_is_no_credential_is_refused_and_not_repeated(output: bytes) -> None:
    with pytest.raises(ConfigError) as refused:
        plugin.parse("aws", output)

    assert "aws" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("described", "said"),
    [
        ({}, "names no command"),
        ({"command": "x", "interactiveMode": "Always"}, "wants a terminal"),
    ],
)
async def test_a_plugin_that_cannot_be_run_is_refused(
    described: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        await plugin.run(described, {})

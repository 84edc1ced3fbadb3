"""Credentials from a program: the `exec` section of a kubeconfig user.

The library runs such programs too, but keeps their stderr and exit code to its own log,
and that is where they say what is wrong: sign in again, install me, wrong profile.
"""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import anyio

from syncd.errors import ConfigError, TransportError


DEADLINE_S = 60.0


@dataclass(frozen=True, slots=True)
class Credential:
    """What the program gave.

    Attributes:
        user: It as the user section of a kubeconfig: a token, or a certificate and key.
        expires_at: When it ends, in seconds since the epoch; None if it does not say.
    """

    user: Mapping[str, str]
    expires_at: float | None


async def run(plugin: Mapping[str, Any], cluster: Mapping[str, Any]) -> Credential:
    """Run the program that `plugin` describes and return what it gives.

    Raises:
        ConfigError: If it cannot be run, or gives something else.
        TransportError: If it fails or takes too long: it may succeed another time.
    """
    command = str(plugin.get("command") or "")
    if not command:
        raise ConfigError("the kubeconfig's exec section names no command")
    if plugin.get("interactiveMode") == "Always":
        raise ConfigError(
            f"the credential plugin {command} wants a terminal of its own",
            hint="sign in with kubectl first, or set its interactiveMode to IfAvailable",
        )
    argv = [command, *map(str, plugin.get("args") or ())]
    environ = os.environ | await _variables(plugin, cluster)
    try:
        with anyio.fail_after(DEADLINE_S):
            done = await anyio.run_process(argv, input=b"", check=False, env=environ)
    except TimeoutError as exc:
        raise TransportError(
            f"the credential plugin {command} gave nothing within {DEADLINE_S:.0f} s",
            hint="run a kubectl command once, to see whether it asks for something",
        ) from exc
    except OSError as exc:
        raise ConfigError(
            f"cannot run the credential plugin {command}: {exc.strerror or exc}",
            hint=str(plugin.get("installHint") or "").strip()
            or "install it, or use a kubeconfig that needs none",
        ) from exc
    if done.returncode != 0:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[-500:]
        raise TransportError(
            f"the credential plugin {command} failed with exit code {done.returncode}"
            + (f": {said}" if said else ""),
            hint="sign in again, then run a kubectl command to see that it works",
        )
    return parse(command, done.stdout)


async def _variables(
    plugin: Mapping[str, Any], cluster: Mapping[str, Any]
) -> dict[str, str]:
    spec: dict[str, Any] = {"interactive": False}
    if plugin.get("provideClusterInfo"):
        spec["cluster"] = await _cluster_info(cluster)
    info = {
        "apiVersion": plugin.get("apiVersion"),
        "kind": "ExecCredential",
        "spec": spec,
    }
    variables = {"KUBERNETES_EXEC_INFO": json.dumps(info)}
    for entry in plugin.get("env") or ():
        variables[str(entry["name"])] = str(entry.get("value") or "")
    return variables


async def _cluster_info(cluster: Mapping[str, Any]) -> dict[str, Any]:
    info = {
        key: cluster[key]
        for key in (
            "server",
            "tls-server-name",
            "insecure-skip-tls-verify",
            "certificate-authority-data",
            "proxy-url",
        )
        if key in cluster
    }
    if authority := cluster.get("certificate-authority"):
        pem = await anyio.Path(authority).read_bytes()
        info["certificate-authority-data"] = base64.b64encode(pem).decode()
    for extension in cluster.get("extensions") or ():
        if extension.get("name") == "client.authentication.k8s.io/exec":
            info["config"] = extension.get("extension")
    return info


def parse(command: str, output: bytes) -> Credential:
    """Return the credential in what the program wrote.

    Raises:
        ConfigError: If there is none. What was written is not repeated: it may hold
            a secret.
    """
    try:
        document = json.loads(output)
        status = document["status"]
        expires = status.get("expirationTimestamp")
        expires_at = datetime.fromisoformat(expires).timestamp() if expires else None
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise ConfigError(
            f"the credential plugin {command} did not write an ExecCredential"
        ) from exc
    user = {}
    if status.get("token"):
        user["token"] = str(status["token"]).strip()
    if status.get("clientCertificateData") and status.get("clientKeyData"):
        user["client-certificate-data"] = _encoded(status["clientCertificateData"])
        user["client-key-data"] = _encoded(status["clientKeyData"])
    if not user:
        raise ConfigError(
            f"the credential plugin {command} gave neither a token nor a certificate"
        )
    return Credential(user, expires_at)


def _encoded(pem: object) -> str:
    return base64.b64encode(str(pem).encode()).decode()

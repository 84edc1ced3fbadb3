"""Who we are to the API server, kept fresh while syncd runs.

What a kubeconfig says is first made static (a plugin is run, a token file read), and
then handed to the loader of the `kubernetes` library, which knows what its fields mean.
Tokens expire and certificates are replaced under a running syncd: what has an end is
read again when it comes, and what the server refuses is read again once.
"""

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import (
    ConfigException,
    kube_config,
    load_kube_config_from_dict,
)

from syncd.cluster import plugin
from syncd.cluster.kubeconfig import Context
from syncd.errors import ConfigError, Halted, TransportError


TOKEN_FILE_S = 60.0
"""How long a token that was read from a file is used before it is read again."""

_LOADING = threading.Lock()  # the library's list of temporary files is global

_EARLY_S = 10.0
"""How long before its end a credential is replaced."""


@dataclass(frozen=True, slots=True, repr=False)
class Identity:
    """What proves to the API server who we are.

    Attributes:
        headers: For each request; a name may come more than once.
        tls: With each connection: whom we trust, and our certificate.
        renew_at: When to get another, in seconds since the epoch, or None.
        certificate: Our certificate in PEM, to say when it expired; or b"".
    """

    headers: tuple[tuple[str, str], ...]
    tls: ssl.SSLContext
    renew_at: float | None
    certificate: bytes


class Credentials:
    """The identity of one context, renewed as needed.

    Args:
        context: As pinned at start.
        reload: Reads the same context again from its files. Blocking.
    """

    def __init__(self, context: Context, reload: Callable[[], Context]) -> None:
        self._context = context
        self._reload = reload
        self._identity: Identity | None = None
        self._renewing = anyio.Lock()

    async def current(self) -> Identity:
        """Return the identity to use now."""
        identity = self._identity
        if identity and (identity.renew_at is None or time.time() < identity.renew_at):
            return identity
        return await self.renewed(identity)

    async def renewed(self, stale: Identity | None) -> Identity:
        """Return another identity than `stale`, which has ended or was refused.

        Raises:
            Halted: If the context now points to another server than it did.
        """
        async with self._renewing:
            if self._identity is None or self._identity is stale:
                context = self._context
                if stale is not None:
                    context = await to_thread.run_sync(self._reload)
                    self._same_server(context)
                self._identity = await identify(context)
            return self._identity

    def _same_server(self, context: Context) -> None:
        if context.server != self._context.server:
            raise Halted(
                f'context "{context.name}" now points to {context.server}, and not to'
                f" {self._context.server} as when syncd started",
                hint="start syncd again to work there",
            )


async def identify(context: Context) -> Identity:
    """Return the identity that a context describes.

    Raises:
        ConfigError: If the kubeconfig's user or cluster cannot be used.
        TransportError: If its credential plugin fails, or its token has expired.
    """
    user, renew_at = await _static(context)
    static = {
        "current-context": context.name,
        "clusters": [{"name": "cluster", "cluster": dict(context.cluster)}],
        "users": [{"name": "user", "user": dict(user)}],
        "contexts": [
            {"name": context.name, "context": {"cluster": "cluster", "user": "user"}}
        ],
    }
    return await to_thread.run_sync(_load, context, static, renew_at)


async def _static(context: Context) -> tuple[Mapping[str, Any], float | None]:
    """Return the user without what has to be run or read again, and its end."""
    user = context.user
    if path := user.get("tokenFile"):
        token = await _token_file(str(path))
        return {"token": token}, time.time() + TOKEN_FILE_S
    if isinstance(user.get("exec"), dict):
        given = await plugin.run(user["exec"], context.cluster)
        renew_at = given.expires_at and given.expires_at - _EARLY_S
        return {**given.user}, renew_at
    if isinstance(provider := user.get("auth-provider"), dict):
        if provider.get("name") == "oidc":
            return _oidc(context, provider.get("config") or {})
        raise ConfigError(
            f'the auth-provider "{provider.get("name")}" of user'
            f' "{context.user_name}" is of the past: kubectl 1.26 dropped it too',
            hint="write the kubeconfig anew with the provider's own command; it will"
            " name a plugin, such as gke-gcloud-auth-plugin or kubelogin",
        )
    return user, None


async def _token_file(path: str) -> str:
    try:
        token = (await anyio.Path(path).read_text()).strip()
    except (OSError, ValueError) as exc:
        raise ConfigError(f"cannot read the token file {path}: {exc}") from exc
    if not token:
        raise ConfigError(f"the token file {path} is empty")
    return token


def _oidc(
    context: Context, config: Mapping[str, Any]
) -> tuple[dict[str, str], float | None]:
    # The library would refresh an expired token itself, over TLS that it does not
    # verify, and not store the new refresh token. kubectl does both properly.
    token = str(config.get("id-token") or "")
    try:
        payload = token.split(".")[1]
        claims = json.loads(
            base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
        )
        expires_at = float(claims["exp"])
    except (IndexError, ValueError, KeyError, TypeError):
        expires_at = 0.0
    if expires_at <= time.time():
        raise TransportError(
            f'the OIDC token of user "{context.user_name}" has expired',
            hint=f"run: kubectl --context {context.name} get namespaces; it refreshes"
            " the token, and syncd goes on by itself",
        )
    return {"token": token}, expires_at - _EARLY_S


def _load(context: Context, static: dict[str, Any], renew_at: float | None) -> Identity:
    configuration = Configuration()
    _LOADING.acquire()
    try:
        _ended(load_kube_config_from_dict(static, client_configuration=configuration))
        return Identity(
            headers=_headers(configuration, context.user),
            tls=_tls(configuration),
            renew_at=renew_at,
            certificate=_certificate(configuration),
        )
    except (ConfigException, OSError, ValueError, TypeError, AttributeError) as exc:
        raise ConfigError(
            f'the credentials of user "{context.user_name}" in {context.source}'
            f" cannot be used: {_first_line(exc)}"
        ) from exc
    finally:
        # Keys are in files only for as long as OpenSSL needs to read them. The
        # library would leave them in /tmp until exit, or for ever after a kill.
        kube_config._cleanup_temp_files()  # noqa: SLF001 - there is no public way
        _LOADING.release()


def _ended(coroutine: Coroutine[object, None, object]) -> None:
    """Run a coroutine that never waits to its end, here and now.

    The library's loader is one where the user is static: it reads and writes files,
    which is why it runs in a thread, and there is no event loop there.
    """
    try:
        coroutine.send(None)
    except StopIteration:
        return
    coroutine.close()
    raise AssertionError("the loader waits for something")


def _first_line(exc: BaseException) -> str:
    return (str(exc) or type(exc).__name__).splitlines()[0]


def _headers(
    configuration: Configuration, user: Mapping[str, Any]
) -> tuple[tuple[str, str], ...]:
    headers = []
    if authorization := str(configuration.api_key.get("BearerToken") or "").strip():
        headers.append(("Authorization", authorization))
    for key, name in (("as", "Impersonate-User"), ("as-uid", "Impersonate-Uid")):
        if key in user:
            headers.append((name, str(user[key])))
    headers += [
        ("Impersonate-Group", str(group)) for group in user.get("as-groups", ())
    ]
    for key, values in user.get("as-user-extra", {}).items():
        headers += [(f"Impersonate-Extra-{key}", str(value)) for value in values]
    return tuple(headers)


def _tls(configuration: Configuration) -> ssl.SSLContext:
    tls = ssl.create_default_context(cafile=configuration.ssl_ca_cert)
    # Python 3.13 demands extensions that many a cluster's own authority lacks.
    tls.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if not configuration.verify_ssl:
        tls.check_hostname = False
        tls.verify_mode = ssl.CERT_NONE
    if configuration.cert_file:
        # Without a password given, OpenSSL would ask the terminal for one.
        tls.load_cert_chain(
            configuration.cert_file, configuration.key_file, password=""
        )
    return tls


def _certificate(configuration: Configuration) -> bytes:
    path = configuration.cert_file
    return Path(path).read_bytes() if path else b""

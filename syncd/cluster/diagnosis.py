"""Why no answer came, or not to us: errors of aiohttp and TLS in plain sentences."""

import errno
import ssl
from datetime import UTC, datetime
from urllib.parse import urlsplit

import aiohttp
import anyio
from anyio import to_thread
from anyio.streams.tls import TLSAttribute

from syncd.cluster.credentials import Identity
from syncd.cluster.failures import Unauthorized, Unreachable
from syncd.cluster.guard import product_of
from syncd.cluster.kubeconfig import Context
from syncd.cluster.proxy import without_password


_LOOK_S = 3.0

# OpenSSL's codes for what can be wrong with a certificate (X509_V_ERR_*).
_NOT_YET, _EXPIRED = 9, 10
_UNKNOWN_AUTHORITY = {2, 18, 19, 20, 21, 27}
_WRONG_NAME = {62, 64}


async def unreachable(
    context: Context, exc: BaseException, proxy: str | None = None
) -> Unreachable:
    """Return the error for a request to which no answer came."""
    server = f"{context.server} (context {context.name})"
    if isinstance(exc, aiohttp.ClientConnectorCertificateError):
        return await _untrusted(context, exc.certificate_error, proxy)
    if proxy and isinstance(
        exc, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError
    ):
        return Unreachable(
            f"cannot reach the Kubernetes API at {server} through the proxy"
            f" {without_password(proxy)}: {_reason(exc)}",
            hint="check HTTPS_PROXY, NO_PROXY and the kubeconfig's proxy-url",
        )
    return Unreachable(
        f"cannot reach the Kubernetes API at {server}: {_reason(exc)}",
        hint=_start(context),
    )


def _start(context: Context) -> str:
    product = product_of(context.name, context.cluster_name, context.provider)
    look = f"kubectl --context {context.name} cluster-info"
    if product and product[0].start:
        command = product[0].start.format(product[1]).strip()
        return f"is the cluster started? {command}"
    return f"is the cluster started, and is the address right? {look}"


_ERRORS = {
    errno.ECONNREFUSED: "connection refused",
    errno.EHOSTUNREACH: "no route to host",
    errno.ENETUNREACH: "network unreachable",
    errno.ETIMEDOUT: "connecting timed out",
    errno.ECONNRESET: "the connection was reset",
    errno.EPIPE: "the connection was closed",
}


def _reason(exc: BaseException) -> str:
    match exc:
        case aiohttp.ClientConnectorDNSError():
            return f'host name "{exc.host}" is not known'
        case aiohttp.ClientHttpProxyError():
            return f"it answered {exc.status} {exc.message}".strip()
        case aiohttp.ClientConnectorError():
            return _reason(exc.os_error)
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return "the connection was closed before the answer was complete"
        case TimeoutError():
            return "no answer in time"
        case _:
            return _system_reason(exc)


def _system_reason(exc: BaseException) -> str:
    if isinstance(exc, ssl.SSLError):
        return _handshake(exc)
    if isinstance(exc, OSError) and exc.errno in _ERRORS:
        return _ERRORS[exc.errno]
    if isinstance(exc, ConnectionError):
        # In the middle of a TLS handshake, asyncio says no more than that.
        return "the connection was reset"
    return str(exc) or type(exc).__name__


def _handshake(exc: ssl.SSLError) -> str:
    word = getattr(exc, "reason", None) or ""
    if word in {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}:
        return "the server does not speak TLS"
    if "ALERT" in word and ("CERTIFICATE" in word or "UNKNOWN_CA" in word):
        return f"the server refuses our client certificate ({_spaced(word)})"
    return f"the TLS handshake failed ({_spaced(word) or exc})"


def _spaced(word: str) -> str:
    return word.lower().replace("_", " ")


async def _untrusted(
    context: Context, exc: Exception, proxy: str | None
) -> Unreachable:
    code = getattr(exc, "verify_code", 0)
    said = getattr(exc, "verify_message", "") or str(exc)
    about = f"the certificate of {context.server} (context {context.name})"
    if code in {_EXPIRED, _NOT_YET}:
        span = None if proxy else await _validity(context)
        when = out_of_time(span, expired=code == _EXPIRED)
        return Unreachable(
            f"{about} {when}",
            hint="renew the cluster's certificates, and check this machine's clock",
        )
    if code in _WRONG_NAME:
        return Unreachable(
            f"{about} is for another name: {said}",
            hint="set tls-server-name in the kubeconfig's cluster to a name that the"
            " certificate bears",
        )
    hint = (
        "is the kubeconfig of an earlier cluster with this name? write it anew, such"
        " as with k3d kubeconfig merge NAME -d"
        if code in _UNKNOWN_AUTHORITY
        else "check certificate-authority in the kubeconfig's cluster"
    )
    return Unreachable(f"{about} is not trusted: {said}", hint=hint)


def out_of_time(span: tuple[datetime, datetime] | None, *, expired: bool) -> str:
    """Return what is wrong with a server's certificate, given when it is valid."""
    if span is None:
        return "has expired" if expired else "is not valid yet"
    start, end = span
    now = datetime.now(UTC)
    if expired and end < now:
        return f"has expired: it was valid until {end:%Y-%m-%d %H:%M} UTC"
    if not expired and start > now:
        return f"is not valid before {start:%Y-%m-%d %H:%M} UTC"
    return "rests on a certificate authority that is out of its time"


async def _validity(context: Context) -> tuple[datetime, datetime] | None:
    """Look at the server's certificate without trusting it, or sending anything."""
    url = urlsplit(context.server)
    blind = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    blind.check_hostname = False
    blind.verify_mode = ssl.CERT_NONE
    try:
        with anyio.fail_after(_LOOK_S):
            stream = await anyio.connect_tcp(
                url.hostname or "",
                url.port or 443,
                ssl_context=blind,
                tls_standard_compatible=False,
            )
            async with stream:
                tls = stream.extra(TLSAttribute.ssl_object)  # noqa: S610 - no Django
                certificate = tls.getpeercert(binary_form=True) or b""
    except (OSError, TimeoutError, anyio.BrokenResourceError, anyio.EndOfStream):
        return None
    return await to_thread.run_sync(validity, certificate)


def validity(certificate: bytes) -> tuple[datetime, datetime] | None:
    """Return from when until when a certificate, in PEM or DER, is valid."""
    # Slow to import, and only needed to explain a failure.
    from cryptography import x509  # noqa: PLC0415

    load = (
        x509.load_pem_x509_certificate
        if b"-----BEGIN" in certificate
        else x509.load_der_x509_certificate
    )
    try:
        parsed = load(certificate)
    except ValueError:
        return None
    return parsed.not_valid_before_utc, parsed.not_valid_after_utc


async def unauthorized(context: Context, identity: Identity) -> Unauthorized:
    """Return the error for a 401 to credentials that were just renewed."""
    message = (
        f"the API server at {context.server} does not accept the credentials of"
        f' user "{context.user_name}" (context {context.name})'
    )
    if identity.certificate:
        span = await to_thread.run_sync(validity, identity.certificate)
        if span and span[1] < datetime.now(UTC):
            return Unauthorized(
                f"{message}: the client certificate expired on"
                f" {span[1]:%Y-%m-%d %H:%M} UTC",
                hint="get a new kubeconfig for the cluster; syncd reads it by itself",
            )
    if not context.user:
        return Unauthorized(
            f"{message}: there are none", hint="name a user in the kubeconfig's context"
        )
    return Unauthorized(
        message,
        hint="sign in to the cluster again; syncd reads the kubeconfig by itself",
    )

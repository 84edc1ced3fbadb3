"""A real TLS server that answers as the test says, and kubeconfigs that lead to it."""

import datetime as dt
import json
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trustme
import yaml
from aiohttp import web


Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

CA = trustme.CA()
NAME = "k3d-test"


def server_tls(
    *names: str,
    not_after: dt.datetime | None = None,
    client_ca: trustme.CA | None = None,
) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued = CA.issue_cert(*(names or ("127.0.0.1",)), not_after=not_after)
    issued.configure_cert(context)
    if client_ca:
        client_ca.configure_trust(context)
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        return int(bound.getsockname()[1])


@asynccontextmanager
async def serving(
    handler: Handler, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve until the end of the block; the address of it."""
    runner = web.ServerRunner(web.Server(handler), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls or server_tls())
    await site.start()
    try:
        yield f"https://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def write_kubeconfig(
    folder: Path,
    server: str,
    *,
    user: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
    name: str = NAME,
) -> Path:
    authority = folder / "ca.pem"
    CA.cert_pem.write_to_path(str(authority))
    path = folder / "kubeconfig"
    document = {
        "current-context": name,
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": server,
                    "certificate-authority": authority.name,
                    **(cluster or {}),
                },
            }
        ],
        "users": [
            {"name": "me", "user": {"token": "secret"} if user is None else user}
        ],
        "contexts": [{"name": name, "context": {"cluster": name, "user": "me"}}],
    }
    path.write_text(yaml.safe_dump(document))
    return path


def answer(document: object, status: int = 200, **headers: str) -> web.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(
        status=status,
        body=json.dumps(document).encode(),
        headers=names,
        content_type="application/json",
    )


def status(code: int, message: str, reason: str = "") -> web.Response:
    return answer(
        {
            "kind": "Status",
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        },
        code,
    )

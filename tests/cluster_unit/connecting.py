"""What the tests of connecting share."""

import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from syncd.cluster import Api, Timing, connect
from tests.cluster_unit.server import (
    answer,
)


PODS = "/api/v1/namespaces/shop/pods"
QUICK = Timing(request=5, connect=5, retry_first=0.001, retry_most=0.01)


@asynccontextmanager
async def connected(
    kubeconfig: Path, timing: Timing = QUICK, environ: Mapping[str, str] | None = None
) -> AsyncIterator[Api]:
    async with connect(
        kubeconfig=kubeconfig, timing=timing, environ=environ or {}
    ) as api:
        yield api


def authorization(request: web.BaseRequest) -> str:
    return request.headers.get("Authorization", "")


async def show_request(request: web.BaseRequest) -> web.Response:
    return answer(
        {
            "authorization": authorization(request),
            "path": request.path_qs,
            "headers": list(request.headers.items()),
        }
    )


def counting_plugin(folder: Path, expires_in_s: float | None = None) -> dict[str, Any]:
    """A plugin whose token says how often it was run."""
    script = f"""
import datetime, json, pathlib
count = pathlib.Path({str(folder / "count")!r})
number = int(count.read_text()) + 1 if count.exists() else 1
count.write_text(str(number))
status = {{"token": f"token-{{number}}"}}
if {expires_in_s!r} is not None:
    now = datetime.datetime.now(datetime.timezone.utc)
    expires = now + datetime.timedelta(seconds={expires_in_s!r} or 0)
    status["expirationTimestamp"] = expires.isoformat()
print(json.dumps({{"status": status}}))
"""
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": sys.executable,
            "args": ["-c", script],
        }
    }

"""An image registry beside the embedded cluster: what is pushed there, Pods can run.

It answers as a registry does when it is asked whether it has an image. What is pushed is
no archive of layers but the description of an `Image`, whose files are on this machine:
`builder` does that. The cluster names it as KEP-1755 has it, by an address for this
machine and another one for the nodes, so that whoever takes one for the other fails.
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml
from aiohttp import web
from anyio import to_thread

from syncd.loopback.cluster import Loopback
from syncd.loopback.image import Image, described, image_of


INSIDE = "registry.syncd-loopback:5000"
_HOSTING = "local-registry-hosting"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a push is answered while it is set.

    Attributes:
        status: 401 for a missing password, 507 for a full disk.
        message: Said beside it.
    """

    status: int
    message: str


class ImageRegistry:
    """A registry; it lives as long as the `async with` around it.

    Args:
        cluster: Whose nodes pull from it.

    Attributes:
        address: Where this machine finds it.
        refusal: What a push is answered; none is refused if it is None.
    """

    def __init__(self, cluster: Loopback) -> None:
        self.address = ""
        self.refusal: Refusal | None = None
        self._cluster = cluster
        self._pushed = 0
        app = web.Application()
        app.router.add_get("/v2/", self._here)
        manifests = "/v2/{name:.+}/manifests/{tag}"
        app.router.add_get(manifests, self._tell)  # HEAD too
        app.router.add_put(manifests, self._take)
        self._runner = web.AppRunner(app, access_log=None)

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.address = "{}:{}".format(*self._runner.addresses[0][:2])
        said = {"host": self.address, "hostFromContainerRuntime": INSIDE}
        config_map = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": _HOSTING},
            "data": {"localRegistryHosting.v1": yaml.safe_dump(said)},
        }
        await self._cluster.apply(config_map, namespace="kube-public")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    async def _here(self, _: web.Request) -> web.Response:
        return web.json_response({})

    async def _tell(self, request: web.Request) -> web.Response:
        image = self._find(request)
        if image is None:
            return _refused(404, "MANIFEST_UNKNOWN", "manifest unknown")
        return web.json_response(described(image))

    def _find(self, request: web.Request) -> Image | None:
        name = f"{request.match_info['name']}:{request.match_info['tag']}"
        images = self._cluster.images
        return images.get(f"{INSIDE}/{name}") or images.get(name)

    async def _take(self, request: web.Request) -> web.Response:
        if self.refusal is not None:
            code = "UNAUTHORIZED" if self.refusal.status == 401 else "UNKNOWN"
            return _refused(self.refusal.status, code, self.refusal.message)
        name = f"{request.match_info['name']}:{request.match_info['tag']}"
        self._pushed += 1
        folder = self._cluster.folder / "registry" / str(self._pushed)
        said = json.loads(await request.text())
        await to_thread.run_sync(_copy, Path(said["files"]), folder)
        inside = f"{INSIDE}/{name}"
        self._cluster.images[inside] = image_of({**said, "files": folder}, inside)
        return web.Response(status=201)


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True)


def _refused(status: int, code: str, message: str) -> web.Response:
    errors = {"errors": [{"code": code, "message": message}]}
    return web.json_response(errors, status=status)

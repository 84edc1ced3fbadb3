"""A node and a bare HTTP server in front of it: the Pod half of the embedded cluster."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import anyio
from aiohttp import web

from syncd.loopback.apierror import ApiError
from syncd.loopback.dialect import Dialect, Pace
from syncd.loopback.image import Image
from syncd.loopback.kubelet.container import Container
from syncd.loopback.link import LINK, Link
from syncd.loopback.node import Node
from syncd.loopback.streams import (
    serve_attach,
    serve_exec,
    serve_log,
    serve_portforward,
)


BUSYBOX: Literal["busybox", "sh"] = "busybox" if shutil.which("busybox") else "sh"
WAIT_S = 10

# A node that takes no longer over things than a test needs to see them.
SWIFT = Pace(
    crash_backoff_s=0.1,
    crash_backoff_cap_s=1.0,
    pull_backoff_s=0.1,
    sandbox_s=0.005,
    removal_s={Dialect.V1_20: 0.06, Dialect.V1_36: 0.03},
)

_HANDLERS = {
    "exec": serve_exec,
    "attach": serve_attach,
    "log": serve_log,
    "portforward": serve_portforward,
}


class Lab:
    """What a test works with."""

    def __init__(self, folder: Path, dialect: Dialect, **options: Any) -> None:
        self.dialect = dialect
        self.images: dict[str, Image] = {
            "box": Image("box", workdir="/", tools=BUSYBOX),
            "py": Image("py"),
        }
        self.statuses: dict[str, list[dict[str, Any]]] = {}
        self.events: list[tuple[str, ...]] = []
        self.link = Link()
        self.port = 0
        self.pods: dict[str, dict[str, Any]] = {}
        self.objects: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._news = anyio.Event()
        self._numbers = itertools.count(1)
        self.node = Node(
            folder,
            self.images,
            dialect=dialect,
            changed=self._note,
            pace=options.pop("pace", SWIFT),
            lookup=lambda *key: self.objects.get(key),
            event=lambda *event: self.events.append(tuple(map(str, event))),
            **options,
        )

    def _note(self, uid: str) -> None:
        self.statuses[uid].append(self.node.status(uid))
        self._news.set()
        self._news = anyio.Event()

    def add(self, name: str, spec: Mapping[str, Any], *, bound: bool = True) -> str:
        """Make a Pod; return its uid."""
        uid = f"{name}-{next(self._numbers)}"
        pod = {
            "metadata": {"name": name, "namespace": "lab", "uid": uid},
            "spec": {"nodeName": "here"} | dict(spec) if bound else dict(spec),
        }
        self.pods[name] = pod
        self.statuses[uid] = []
        if bound:
            self.node.start(pod)
        return uid

    async def run(
        self, name: str, *command: str, image: str = "box", **more: Any
    ) -> str:
        """Make a Pod of one container `c`; return its uid once that runs."""
        entry = {"name": "c", "image": image, **more}
        if command:
            entry["command"] = list(command)
        uid = self.add(name, {"containers": [entry]})
        await self.until(uid, lambda status: status["phase"] == "Running")
        return uid

    async def until(
        self, uid: str, holds: Callable[[dict[str, Any]], object]
    ) -> dict[str, Any]:
        """Wait for a status."""
        with anyio.fail_after(WAIT_S):
            while not (self.statuses[uid] and holds(self.node.status(uid))):
                await self._news.wait()
        return self.node.status(uid)

    async def until_gone(self, uid: str) -> None:
        """Wait for the end of a Pod."""
        with anyio.fail_after(WAIT_S):
            while not self.node.gone(uid):
                await self._news.wait()

    def container(self, uid: str, name: str = "c") -> Container:
        """Find a container that must be there."""
        container = self.node.container(uid, name)
        assert container is not None
        return container

    async def sh(self, uid: str, script: str, name: str = "c") -> tuple[int, str]:
        """Run a shell script in a container; return its exit code and output."""
        code, output = await self.container(uid, name).run(["sh", "-c", script])
        return code, output.decode(errors="replace")

    async def logged(self, uid: str, text: str) -> None:
        """Wait until a container has written a line."""
        container = self.container(uid)
        with anyio.fail_after(WAIT_S):
            while container.log and text not in logs(container):
                await container.log.changed()


def logs(container: Container) -> str:
    """Return all that a container wrote in this run."""
    assert container.log is not None
    return b"".join(line.text for line in container.log.lines()).decode()


@asynccontextmanager
async def open_lab(
    folder: Path, dialect: Dialect = Dialect.V1_36, **options: Any
) -> AsyncIterator[Lab]:
    """Run a node and its server."""
    tls = options.pop("tls", None)
    lab = Lab(folder, dialect, **options)
    runner = web.AppRunner(_app(lab), access_log=None, shutdown_timeout=1)
    await runner.setup()
    assert runner.server is not None
    listening = await asyncio.get_running_loop().create_server(
        lab.link.wrap(runner.server), "127.0.0.1", 0, ssl=tls
    )
    lab.port = listening.sockets[0].getsockname()[1]
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lab.node.run)
            await lab.node.ready()
            yield lab
            tasks.cancel_scope.cancel()
    finally:
        listening.close()
        lab.link.close()
        await runner.cleanup()


def _app(lab: Lab) -> web.Application:
    app = web.Application()
    app[LINK] = lab.link

    async def serve(request: web.Request) -> web.StreamResponse:
        pod = lab.pods[request.match_info["pod"]]
        serve = _HANDLERS[request.match_info["what"]]
        try:
            return await serve(request, lab.node, pod, lab.dialect)
        except ApiError as error:
            return web.json_response(error.status(), status=error.code)

    app.router.add_route("*", "/pods/{pod}/{what}", serve)
    return app

"""An image registry, as far as it is asked whether it has an image."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class Registry:
    """What it has, and how it answers.

    Attributes:
        images: `path:tag` of each.
        host: Its address.
        status: What it answers in place of the truth; 0 for the truth.
        accepted: The `Accept` header of each question.
    """

    images: set[str] = field(default_factory=set)
    host: str = ""
    status: int = 0
    accepted: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        path, _, manifest = request.path.removeprefix("/v2/").partition("/manifests/")
        self.accepted.append(request.headers["Accept"])
        there = f"{path}:{manifest}" in self.images
        return web.Response(status=self.status or (200 if there else 404))


@asynccontextmanager
async def serve() -> AsyncIterator[Registry]:
    registry = Registry()
    app = web.Application()
    app.router.add_head("/v2/{rest:.*}", registry.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    registry.host = f"127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield registry
    finally:
        await runner.cleanup()

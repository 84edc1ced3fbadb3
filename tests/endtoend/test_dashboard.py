"""The page of `syncd dashboard`, in a real browser, of a real daemon."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from syncd.ui.dashboard import Feed, serve
from tests.browser import browser, needs_browser
from tests.endtoend.scene import Scene, scene


HOSTILE = "<img src=x onerror=alert(1)>\n\u202e.py"


@asynccontextmanager
async def dashboard(stage: Scene) -> AsyncIterator[str]:
    """Serve the page of the scene's daemon, and give the link to it."""
    links: list[str] = []
    told = anyio.Event()

    def tell(link: str) -> None:
        links.append(link)
        told.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(serve, Feed(stage.folder, again_s=0.1), 0, tell)
        await told.wait()
        yield links[0]
        tasks.cancel_scope.cancel()


@needs_browser
async def test_a_browser_shows_a_batch_that_was_made_and_has_nothing_to_complain_of(
    tmp_path: Path,
) -> None:
    async with (
        scene(tmp_path, replicas=2) as stage,
        dashboard(stage) as link,
        browser(tmp_path) as page,
    ):
        await page.open(link)
        await page.until("document.querySelectorAll('.row .good').length == 2")
        (stage.folder / HOSTILE).write_text("x")
        await page.until("document.querySelector('.batch .end:not(:empty)')")
        said = await page.value("document.querySelector('.batch').innerText")
        parts = await page.value("document.querySelectorAll('.batch .bar i').length")

        assert r"<img src=x onerror=alert(1)>\n\u202e.py" in said
        assert "1 file, 1 B → 2 replicas" in said
        assert parts == 5
        assert await page.value("document.querySelectorAll('img').length") == 0
        assert await page.value("location.search") == ""

        paper = "getComputedStyle(document.body).backgroundColor"
        for scheme, colour in (("light", "255, 255, 255"), ("dark", "13, 17, 23")):
            await page.prefer(scheme)
            assert await page.value(paper) == f"rgb({colour})"

        await stage.stop()
        await page.until("document.getElementById('lost').innerText")
        await stage.start()
        await page.until("!document.getElementById('lost').innerText")
        assert page.complaints == []

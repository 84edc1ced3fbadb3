"""The page as it is served: to whom, what it may do, and what it follows."""

import base64
import hashlib
import json
import os
import re
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest

from syncd import control
from syncd.control import Claim, Hub
from syncd.errors import ConfigError
from syncd.ui.dashboard import Feed, serve
from tests.control.test_server import Daemon
from tests.ui.samples import batch_done, path_failed


WAIT_S = 20
PAGE = (files("syncd.ui.dashboard") / "page.html").read_text()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("project", "state", "runtime"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    return tmp_path / "project"


@asynccontextmanager
async def syncd(project: Path) -> AsyncIterator[Hub]:
    """Answer at the control socket of a project."""
    hub = Hub(lambda _: None)
    with Claim(project, ()) as claim:
        async with anyio.create_task_group() as tasks:
            await tasks.start(control.serve, claim.socket, Daemon(), hub, os.getuid())
            yield hub
            tasks.cancel_scope.cancel()


class Site:
    """The page's server, as a browser sees it.

    Attributes:
        link: What was told.
        address: The same without its token.
    """

    def __init__(self, link: str, session: aiohttp.ClientSession) -> None:
        self.link = link
        self.address = link.partition("?")[0]
        self._session = session

    async def ask(
        self, path: str = "", *, method: str = "GET", host: str | None = None
    ) -> aiohttp.ClientResponse:
        """Ask for a path, or for the whole of a link, and read the answer."""
        url = path if path.startswith("http") else self.address + path
        headers = {"Host": host} if host else {}
        async with self._session.request(method, url, headers=headers) as answer:
            await answer.read()
        return answer

    async def views(self) -> AsyncGenerator[dict[str, Any]]:
        """Yield what the page is told to show."""
        async with self._session.get(f"{self.address}events") as answer:
            assert answer.content_type == "text/event-stream"
            async for line in answer.content:
                if line.startswith(b"data: "):
                    yield json.loads(line.removeprefix(b"data: "))


@asynccontextmanager
async def site(project: Path) -> AsyncIterator[Site]:
    links: list[str] = []
    told = anyio.Event()

    def tell(link: str) -> None:
        links.append(link)
        told.set()

    async with (
        anyio.create_task_group() as tasks,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
    ):
        tasks.start_soon(serve, Feed(project, again_s=0.05), 0, tell)
        with anyio.fail_after(WAIT_S):
            await told.wait()
            yield Site(links[0], session)
        tasks.cancel_scope.cancel()


# --- who may see it -----------------------------------------------------------------


async def test_the_link_lets_a_browser_in_once_and_it_stays_in(project: Path) -> None:
    async with site(project) as here:
        first = await here.ask(here.link)
        again = await here.ask()

    cookie = first.headers["Set-Cookie"]
    assert (first.status, again.status) == (200, 200)
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert "Set-Cookie" not in again.headers
    assert (
        cookie.partition("=")[2].partition(";")[0] not in first.request_info.url.query
    )


async def test_the_link_lets_no_second_browser_in(project: Path) -> None:
    async with site(project) as here:
        await here.ask(here.link)
        async with aiohttp.ClientSession() as other, other.get(here.link) as answer:
            said = await answer.text()

    assert answer.status == 403
    assert "start it again" in said


@pytest.mark.parametrize("path", ["", "?token=", "?token=x", "events", "elsewhere"])
async def test_without_the_link_nothing_is_shown(project: Path, path: str) -> None:
    async with site(project) as here:
        answer = await here.ask(path)

    assert answer.status == 403
    assert "Set-Cookie" not in answer.headers


async def test_a_token_for_anything_but_the_page_is_not_used_up(project: Path) -> None:
    async with site(project) as here:
        stream = await here.ask(f"events?{here.link.partition('?')[2]}")
        page = await here.ask(here.link)

    assert (stream.status, page.status) == (403, 200)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "[::1]"])
async def test_a_request_to_another_host_is_refused(project: Path, host: str) -> None:
    async with site(project) as here:
        with_token = await here.ask(here.link, host=host)
        await here.ask(here.link)
        with_cookie = await here.ask(host=host)

    assert (with_token.status, with_cookie.status) == (403, 403)


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "DELETE", "PUT"])
async def test_only_get_is_answered(project: Path, method: str) -> None:
    async with site(project) as here:
        before = await here.ask(here.link, method=method)
        await here.ask(here.link)
        after = await here.ask(method=method)

    assert (before.status, after.status) == (405, 405)
    assert after.headers["Allow"] == "GET"


async def test_what_is_not_there_is_not_found(project: Path) -> None:
    async with site(project) as here:
        await here.ask(here.link)

        assert (await here.ask("elsewhere")).status == 404


async def test_only_this_machine_can_connect(project: Path) -> None:
    async with site(project) as here:
        assert re.match(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{40,}$", here.link)


async def test_a_port_that_is_taken_is_refused_with_a_remedy(project: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match=f"port {port} of 127.0.0.1") as caught:
            await serve(Feed(project), port, print)

    assert "--port" in caught.value.hint


# --- what it may do -----------------------------------------------------------------


async def test_the_page_may_run_its_own_script_and_ask_its_own_server(
    project: Path,
) -> None:
    async with site(project) as here:
        answers = [await here.ask(), await here.ask(here.link)]

    for answer in answers:
        policy = dict(
            part.split(" ", 1)
            for part in answer.headers["Content-Security-Policy"].split("; ")
        )
        assert policy == {
            "default-src": "'none'",
            "script-src": f"'sha256-{digest('script')}'",
            "style-src": f"'sha256-{digest('style')}'",
            "connect-src": "'self'",
            "img-src": "data:",
            "base-uri": "'none'",
            "form-action": "'none'",
            "frame-ancestors": "'none'",
        }
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not [name for name in answer.headers if "Access-Control" in name]


def digest(element: str) -> str:
    (inner,) = re.findall(f"<{element}>(.*?)</{element}>", PAGE, re.DOTALL)
    return base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()


class Nesting(HTMLParser):
    """Whether every element is closed where it should be, and what is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.stack: list[str] = []
        self.links: list[str] = []
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in {"meta", "link"}:
            self.stack.append(tag)
        self.attributes |= {name for name, _ in attrs}
        self.links += [v or "" for k, v in attrs if k in {"href", "src"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.stack.pop() == tag


def test_the_page_is_whole_in_itself_and_makes_no_markup_of_texts() -> None:
    nesting = Nesting()
    nesting.feed(PAGE)

    assert nesting.stack == []
    assert nesting.links == ["data:,"]
    assert not {name for name in nesting.attributes if name.startswith("on")}
    assert "style" not in nesting.attributes
    assert not re.findall(r"innerHTML|outerHTML|insertAdjacent|document\.write", PAGE)
    assert not re.findall(r"https?://|@import|url\(|eval\(", PAGE)


def test_the_page_has_colours_for_light_and_for_dark() -> None:
    light, dark = PAGE.split("prefers-color-scheme: dark", 1)

    colours = re.findall(r"(--[\w]+):", light[light.index(":root") :])
    assert set(colours) == set(re.findall(r"(--[\w]+):", dark.split("} }", 1)[0]))


# --- what it follows ----------------------------------------------------------------


async def until(
    views: AsyncIterator[dict[str, Any]], holds: Callable[[dict[str, Any]], object]
) -> dict[str, Any]:
    """Return the first view of which something holds."""
    async for view in views:
        if holds(view):
            return view
    raise AssertionError("the stream has ended")


async def test_the_page_is_told_how_things_stand_and_what_happens(
    project: Path,
) -> None:
    async with syncd(project) as hub, site(project) as here:
        await here.ask(here.link)
        async with aclosing(here.views()) as views:
            first = await until(views, lambda view: view["status"])
            while not hub.readers:
                await anyio.sleep(0.001)
            hub(batch_done())
            hub(path_failed(b"x.py"))
            then = await until(views, lambda view: view["troubles"])

    assert first["status"]["project"] == "/p"
    assert first["lost"] == ""
    assert [batch["names"] for batch in then["batches"]] == ["main.py"]
    assert [trouble["subject"] for trouble in then["troubles"]] == ["x.py"]


async def test_the_page_is_told_when_syncd_ends_and_comes_back(project: Path) -> None:
    async with site(project) as here:
        await here.ask(here.link)
        async with aclosing(here.views()) as views:
            none = await until(views, lambda view: view["lost"])
            for _ in range(2):
                async with syncd(project):
                    await until(views, lambda view: not view["lost"])
                await until(views, lambda view: view["lost"])

    assert none["status"] is None


async def test_a_page_that_is_closed_is_forgotten(project: Path) -> None:
    async with syncd(project), site(project) as here:
        await here.ask(here.link)
        for _ in range(20):
            async with aclosing(here.views()) as views:
                await anext(views)

        assert (await here.ask()).status == 200

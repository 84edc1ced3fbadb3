"""A real browser, spoken to by the protocol of its developer tools."""

import json
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest


WAIT_S = 30.0
_FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run"
    " --disable-background-networking --disable-component-update --disable-sync"
    " --remote-debugging-port=0"
)

needs_browser = pytest.mark.skipif(
    shutil.which("chromium") is None,
    reason="chromium is not installed: nothing here draws a page",
)


class Page:
    """One page of the browser.

    Attributes:
        complaints: What its console has to complain of.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = count(1)

    async def open(self, link: str) -> None:
        for domain in ("Log", "Page", "Runtime"):
            await self.tell(f"{domain}.enable")
        await self.tell("Page.navigate", url=link)

    async def prefer(self, scheme: str) -> None:
        """Be of a user who prefers `light` or `dark`."""
        feature = {"name": "prefers-color-scheme", "value": scheme}
        await self.tell("Emulation.setEmulatedMedia", features=[feature])

    async def value(self, expression: str) -> Any:
        """Return what an expression of JavaScript comes to."""
        answer = await self.tell(
            "Runtime.evaluate", expression=expression, returnByValue=True
        )
        return answer["result"].get("value")

    async def until(self, expression: str) -> None:
        """Wait until an expression holds."""
        with anyio.fail_after(WAIT_S):
            while not await self.value(f"Boolean({expression})"):
                await anyio.sleep(0.02)

    async def tell(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Tell the browser to do something, and return its answer."""
        number = next(self._numbers)
        await self._socket.send_json(
            {"id": number, "method": method, "params": parameters}
        )
        while True:
            said = await self._socket.receive_json(timeout=WAIT_S)
            if said.get("id") == number:
                assert "error" not in said, said
                return dict(said["result"])
            self._hear(said)

    def _hear(self, said: dict[str, Any]) -> None:
        told = said.get("params", {})
        match said.get("method"):
            case "Log.entryAdded" if told["entry"]["level"] in ("warning", "error"):
                self.complaints.append(told["entry"]["text"])
            case "Runtime.exceptionThrown":
                self.complaints.append(json.dumps(told["exceptionDetails"]))
            case "Runtime.consoleAPICalled":
                self.complaints.append(json.dumps(told["args"]))
            case _:
                pass


@asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Page]:
    """Run chromium, with a profile in `folder`."""
    process = subprocess.Popen(
        [
            "chromium",
            *_FLAGS.split(),
            f"--user-data-dir={folder}/profile",
            "about:blank",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        port = await _port(folder / "profile" / "DevToolsActivePort")
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            async with session.get("/json/list") as answer:
                pages = await answer.json()
            link = next(p["webSocketDebuggerUrl"] for p in pages if p["type"] == "page")
            async with session.ws_connect(link, max_msg_size=0) as socket:
                yield Page(socket)
    finally:
        process.terminate()
        process.wait(10)


async def _port(told: Path) -> int:
    with anyio.fail_after(WAIT_S):
        while not (told.exists() and told.read_text().count("\n")):
            await anyio.sleep(0.02)
    return int(told.read_text().partition("\n")[0])

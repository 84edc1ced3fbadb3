"""Servers that a program makes of an event loop by itself."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reloader.running import Running, fetch, start


PROGRAM = """\
import asyncio

async def answer(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.0 200 OK\\r\\n\\r\\nhead ")
    await writer.drain()
    if b"/slow" in head:
        await asyncio.sleep(0.5)
    writer.write(b"{version}")
    writer.close()

async def main():
    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        await {wait}

asyncio.run(main())
"""
WAITS = {"serving": "server.serve_forever()", "waiting": "asyncio.Event().wait()"}


@pytest.fixture(params=WAITS)
def wait(request: pytest.FixtureRequest) -> str:
    return WAITS[request.param]


@pytest.fixture
def running(reloader: Path, folder: Path, wait: str) -> Iterator[Running]:
    (folder / "main.py").write_text(PROGRAM.format(version=1, wait=wait))
    with start(reloader, folder, (sys.executable, "main.py")) as running:
        yield running.serves().warm()


def test_what_was_asked_before_the_edit_is_answered_and_nothing_is_printed(
    running: Running, wait: str
) -> None:
    with fetch(running.port(), "/slow") as response:
        assert response.read(5) == b"head "
        edited = PROGRAM.format(version=2, wait=wait)
        assert running.edit("main.py", edited)["op"] == "serving"
        assert running.get() == "head 2"

        assert response.read() == b"1"
    running.until(lambda status: status["generations"] == 1)
    running.end()
    assert "Traceback" not in running.log.close()

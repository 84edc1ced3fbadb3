"""uvicorn: more of its servers than one, and requests that it answers early."""

import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reloader.running import SCRIPT, Running, asgi, fetch, plain, start


TWO = """\
import asyncio, uvicorn

def answering(text):
    async def app(scope, receive, send):
        if scope["type"] != "http":
            raise RuntimeError("there is no lifespan")
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        await send({{"type": "http.response.body", "body": text}})
    return app

async def main():
    apps = answering(b"first {version}"), answering(b"second {version}")
    configs = [uvicorn.Config(app, port=port) for app, port in zip(apps, {ports})]
    await asyncio.gather(*(uvicorn.Server(config).serve() for config in configs))
    print("both ended {version}", flush=True)

asyncio.run(main())
"""

# Answers a POST before its body has come.
EARLY = """\
async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError("there is no lifespan")
    body = b"{version} " + scope["method"].encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({{"type": "http.response.start", "status": 401, "headers": headers}})
    await send({{"type": "http.response.body", "body": body}})
"""


def test_all_of_its_servers_in_one_program_leave(reloader: Path, folder: Path) -> None:
    main = folder / "main.py"
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = [sock.getsockname()[1] for sock in (one, other)]
    main.write_text(TWO.format(version=1, ports=ports))
    with start(reloader, folder, SCRIPT) as running:
        running.serves().warm()
        for version in (2, 3):
            edited = TWO.format(version=version, ports=ports)
            with fetch(ports[0]) as kept, fetch(ports[1]) as kept_too:
                assert kept.read()
                assert kept_too.read()
                assert running.edit("main.py", edited)["op"] == "serving"

            running.log.wait_for(f"both ended {version - 1}")
            for port, name in zip(ports, ("first", "second"), strict=True):
                with fetch(port) as response:
                    assert response.read() == f"{name} {version}".encode()


def test_a_connection_that_the_next_program_cannot_go_on_with_is_closed(
    reloader: Path, folder: Path
) -> None:
    alone = "\nimport uvicorn\nuvicorn.run(app, port=0)\n"
    (folder / "main.py").write_text(asgi("one") + alone)
    with start(reloader, folder, SCRIPT) as running:
        port = running.serves().warm().port()
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            assert running.edit("main.py", plain("ANSWER = 2"))["op"] == "serving"

            assert sock.recv(1) == b""


@pytest.fixture(params=["h11", "httptools"])
def early(
    reloader: Path, folder: Path, request: pytest.FixtureRequest
) -> Iterator[Running]:
    (folder / "main.py").write_text(EARLY.format(version=1))
    command = (sys.executable, "-m", "uvicorn", "main:app", "--port=0")
    with start(reloader, folder, (*command, f"--http={request.param}")) as running:
        yield running.serves().warm()


def test_the_rest_of_a_body_is_never_taken_for_a_request(early: Running) -> None:
    with socket.create_connection(("127.0.0.1", early.port()), timeout=10) as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nnot ")
        answer = sock.makefile("rb")
        while answer.readline() != b"\r\n":
            pass
        assert answer.read(6) == b"1 POST"
        assert early.edit("main.py", EARLY.format(version=2))["op"] == "serving"

        sock.sendall(b"whole")
        sock.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")

        assert re.search(rb" 401 (.|\n)*[12] GET$", answer.read())

"""Other servers than uvicorn: what they promise when an edit comes."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.reloader.running import Running, asgi, fetch, start


WSGI = """
import time
def app(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    if environ["PATH_INFO"] == "/slow":
        yield b"slow "
        time.sleep(0.3)
    yield {answer!r}.encode()
"""

FLASK = """
import time
from flask import Flask, Response
app = Flask(__name__)

@app.get("/")
def root():
    return {answer!r}

@app.get("/slow")
def slow():
    def body():
        yield "slow "
        time.sleep(0.3)
        yield {answer!r}
    return Response(body())

if __name__ == "__main__":
    app.run(port=0, debug=True)
"""

DJANGO = """
import os, sys, time
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

settings.configure(
    DEBUG=True, ROOT_URLCONF=__name__, SECRET_KEY="x", ALLOWED_HOSTS=["*"],
    DATABASES={{}}, INSTALLED_APPS=[],
)

def slow(request):
    def body():
        yield "slow "
        time.sleep(0.3)
        yield {answer!r}
    return StreamingHttpResponse(body())

urlpatterns = [path("", lambda request: HttpResponse({answer!r})), path("slow", slow)]

if __name__ == "__main__":
    from django.core.management import execute_from_command_line
    execute_from_command_line([sys.argv[0], "runserver", "127.0.0.1:0"])
"""

AIOHTTP = """
import asyncio
from aiohttp import web

async def root(request):
    return web.Response(text={answer!r})

async def slow(request):
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"slow ")
    await asyncio.sleep(0.3)
    await response.write({answer!r}.encode())
    return response

app = web.Application()
app.add_routes([web.get("/", root), web.get("/slow", slow)])
if __name__ == "__main__":
    web.run_app(app, host="127.0.0.1", port=0)
"""

SLOW_ASGI = asgi("ANSWER").replace(
    "    body = ANSWER",
    "    import asyncio\n    if scope['path'] == '/slow':\n"
    "        await send({'type': 'http.response.start', 'status': 200, 'headers': []})\n"
    "        await send({'type': 'http.response.body', 'body': b'slow ',\n"
    "                    'more_body': True})\n"
    "        await asyncio.sleep(0.3)\n"
    "        await send({'type': 'http.response.body', 'body': ANSWER.encode()})\n"
    "        return\n    body = ANSWER",
)

PYTHON = (sys.executable,)
GUNICORN = (*PYTHON, "-m", "gunicorn", "-b", "127.0.0.1:0")
SERVERS = {
    "aiohttp": (AIOHTTP, (*PYTHON, "main.py")),
    "django": (DJANGO, (*PYTHON, "main.py")),
    "flask": (FLASK, (*PYTHON, "main.py")),
    "flask run": (
        FLASK,
        (*PYTHON, "-m", "flask", "-A", "main", "run", "--debug", "-p0"),
    ),
    "gunicorn": (WSGI, (*GUNICORN, "main:app")),
    "gunicorn gthread": (WSGI, (*GUNICORN, "--threads=4", "-w2", "main:app")),
    "uvicorn_worker": (
        SLOW_ASGI,
        (*GUNICORN, "-w2", "-kuvicorn_worker.UvicornWorker", "main:app"),
    ),
    "hypercorn": (
        SLOW_ASGI,
        (*PYTHON, "-m", "hypercorn", "-b", "127.0.0.1:0", "--reload", "main:app"),
    ),
    "uvicorn h11": (
        SLOW_ASGI,
        (
            *PYTHON,
            "-m",
            "uvicorn",
            "--port=0",
            "--http=h11",
            "--loop=asyncio",
            "main:app",
        ),
    ),
    "wsgiref": (
        WSGI
        + "if __name__ == '__main__':\n    from wsgiref import simple_server as s\n"
        "    s.make_server('127.0.0.1', 0, app).serve_forever()\n",
        (*PYTHON, "main.py"),
    ),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest) -> tuple[str, tuple[str, ...]]:
    name = request.param.partition(" ")[0]
    pytest.importorskip(name)
    return SERVERS[request.param]


@pytest.fixture(scope="module")
def text(server: tuple[str, tuple[str, ...]]) -> str:
    return server[0]


@pytest.fixture(scope="module")
def started(
    reloader: Path, shared: Path, server: tuple[str, tuple[str, ...]]
) -> Iterator[Running]:
    text, command = server
    (shared / "main.py").write_text(filled(text, "one"))
    with start(reloader, shared, command) as running:
        yield running.serves().warm()
        assert running.end() in (0, -15)


@pytest.fixture
def running(started: Running, text: str) -> Running:
    answer = started.edit("main.py", filled(text, "one"))
    assert answer["op"] == "serving", answer
    return started


def filled(text: str, answer: str) -> str:
    if "{answer!r}" in text:
        return text.format(answer=answer)
    return text.replace("'ANSWER'", repr(answer))


def test_an_edit_is_served_on_the_same_port_and_a_bad_one_is_not(
    running: Running, text: str
) -> None:
    port = running.port()
    assert running.get() == "one"

    for answer in ("two", "three"):
        assert running.edit("main.py", filled(text, answer))["op"] == "serving"
        assert running.get() == answer

    failed = running.edit("main.py", "x = = 1")
    assert failed["op"] == "failed"
    assert "SyntaxError" in failed["traceback"]
    assert failed["file"].endswith("main.py")
    assert running.get() == "three"

    assert running.edit("main.py", filled(text, "four"))["op"] == "serving"
    assert running.get() == "four"
    assert running.port() == port


def test_what_was_asked_before_the_edit_is_answered(
    running: Running, text: str
) -> None:
    with fetch(running.port(), "/slow") as response:
        assert response.read(5) == b"slow "
        assert running.edit("main.py", filled(text, "two"))["op"] == "serving"

        assert response.read() == b"one"
    assert running.get() == "two"


def test_no_new_connection_is_refused_or_dropped_by_edits(
    running: Running, text: str
) -> None:
    port = running.port()
    for number in range(3):
        path = running.write("main.py", filled(text, f"v{number}"))
        running.line.send("batch", id=number, changed=[str(path)])
        while not running.line.has_answer():
            with fetch(port) as response:
                assert response.read()
        answer = running.line.receive()
        assert answer["op"] == "serving", answer
        assert running.get() == f"v{number}"

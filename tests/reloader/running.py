"""A reloader that runs, as a person and as syncd see it."""

import http.client
import json
import os
import queue
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self


PATIENCE_S = 30.0
# Another protocol or loop than the fastest that is installed: "--http=h11 …".
CHOICE = os.environ.get("SYNCD_TEST_UVICORN", "").split()
UVICORN = (sys.executable, "-m", "uvicorn", "main:app", "--port", "0", *CHOICE)

# Answers with what it was made of, and with the generation's process.
ASGI = """\
import os
ANSWER = {answer!r}

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    body = ANSWER.encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({{"type": "http.response.start", "status": 200, "headers": headers}})
    await send({{"type": "http.response.body", "body": body}})
"""


# The same from the standard library alone, which starts much faster.
PLAIN = """\
{text}

if __name__ == "__main__":
    import http.server

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = str(ANSWER).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print("port", server.server_port, flush=True)
    server.serve_forever()
"""
SCRIPT = (sys.executable, "main.py")


def plain(text: str) -> str:
    """Return a script that answers all with the `ANSWER` that `text` sets."""
    return PLAIN.format(text=text)


def asgi(answer: str) -> str:
    """Return a program for uvicorn that answers all with `answer`."""
    return ASGI.format(answer=answer)


class Log:
    """Lines as they are printed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.lines: list[str] = []
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._process = process
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def wait_for(self, text: str) -> str:
        """Return the next line with `text` in it."""
        while True:
            try:
                line = self._queue.get(timeout=PATIENCE_S)
            except queue.Empty:
                line = None
            if line is None:
                everything = "\n".join(self.lines)
                raise AssertionError(f"{text!r} was never printed:\n{everything}")
            self.lines.append(line)
            if text in line:
                return line

    def ends(self) -> bool:
        """Tell whether all who could print to it have ended."""
        self._thread.join(PATIENCE_S)
        return not self._thread.is_alive()

    def close(self) -> str:
        """Return all of it, once the process has ended."""
        self._thread.join(PATIENCE_S)
        while not self._queue.empty():
            line = self._queue.get_nowait()
            if line is not None:
                self.lines.append(line)
        return "\n".join(self.lines)


class Line:
    """A connection to the control socket."""

    def __init__(self, path: Path) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE_S)
        self.sock.connect(str(path))
        self.file = self.sock.makefile("rw")

    def send(self, op: str, **fields: Any) -> None:
        self.file.write(json.dumps({"op": op, **fields}) + "\n")
        self.file.flush()

    def receive(self) -> dict[str, Any]:
        line = self.file.readline()
        assert line, "the control socket was closed"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def has_answer(self) -> bool:
        return bool(select.select([self.sock], [], [], 0)[0])

    def ask(self, op: str, **fields: Any) -> dict[str, Any]:
        self.send(op, **fields)
        return self.receive()

    def close(self) -> None:
        self.file.close()
        self.sock.close()


class Running:
    """A reloader, its project, and who drives it."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.process = process
        self.log = Log(process)
        self._lines: list[Line] = []
        self._line: Line | None = None
        self._batches = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        for line in self._lines:
            line.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)
        text = self.log.close()
        if error is not None:
            error.add_note(text)

    @property
    def line(self) -> Line:
        if self._line is None:
            self._line = self.dial()
        return self._line

    def dial(self) -> Line:
        line = Line(self.folder.parent / "control.sock")
        self._lines.append(line)
        return line

    def serves(self) -> Self:
        self.log.wait_for("serves (ms")
        return self

    def warm(self) -> Self:
        self.log.wait_for("modules are warm")
        return self

    def status(self) -> dict[str, Any]:
        return self.line.ask("status")

    def until(self, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Return the first status of which that holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds(status := self.status()):
            assert time.monotonic() < deadline, status
            time.sleep(0.005)
        return status

    def learned(self) -> None:
        """Wait until it is known what the generation that serves has read."""
        self.until(lambda status: status["learned"])

    def port(self) -> int:
        return int(self.status()["listening"][0].rpartition(":")[2])

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_name(path.name + ".new")
        fresh.write_text(text)
        return fresh.replace(path)

    def batch(self, *paths: Path, **fields: Any) -> dict[str, Any]:
        """Report an edit, and return what came of it."""
        self._batches += 1
        changed = [str(path) for path in paths]
        answer = self.line.ask("batch", id=self._batches, changed=changed, **fields)
        assert answer["id"] == self._batches
        return answer

    def edit(self, name: str, text: str) -> dict[str, Any]:
        return self.batch(self.write(name, text))

    def get(self, path: str = "/") -> str:
        with fetch(self.port(), path) as response:
            return response.read().decode()

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_S)


@contextmanager
def fetch(port: int, path: str = "/") -> Iterator[http.client.HTTPResponse]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", path)
        yield connection.getresponse()
    finally:
        connection.close()


def start(
    reloader: Path,
    folder: Path,
    command: Sequence[str] = UVICORN,
    *,
    options: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
    drain_s: float = 2.0,
    stdin: int = subprocess.DEVNULL,
) -> Running:
    """Start a reloader on the project in `folder`."""
    socket_path = folder.parent / "control.sock"
    words = [*prefix, sys.executable, str(reloader), "--socket", str(socket_path)]
    words += ["--drain-s", str(drain_s)]
    process = subprocess.Popen(
        [*words, *options, "--", *command],
        cwd=folder,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **(environ or {})},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Running(folder, process)

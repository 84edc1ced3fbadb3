"""The real programs of these tests: myapp under uvicorn, and a PostgreSQL server."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from queue import SimpleQueue
from typing import Any


ROOT = Path(__file__).parents[2]
MYAPP = ROOT / "deploy/myapp"
INITDB = ("--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions")
# Debian keeps the server's programs off PATH.
POSTGRES_BIN = os.pathsep.join(
    [os.environ.get("PATH", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: Any


@dataclass(frozen=True, slots=True)
class Served:
    """A running uvicorn: ask it, and wait for what it logs."""

    port: int
    log: SimpleQueue[str]

    def ask(self, method: str, path: str, body: object = None) -> Answer:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=20)
        with closing(connection):
            payload = body if isinstance(body, str) else json.dumps(body)
            headers = {"Content-Type": "application/json"}
            connection.request(
                method, path, payload if body is not None else None, headers
            )
            response = connection.getresponse()
            content = response.read()
            head = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, head, json.loads(content or "null"))

    def get(self, path: str) -> Answer:
        return self.ask("GET", path)

    def wait_for_log(self, pattern: str) -> str:
        """Return the next line that matches, from those not yet waited for."""
        while True:
            line = self.log.get(timeout=30)
            if re.search(pattern, line):
                return line


UVICORN = ("uvicorn", "main:app", "--host", "127.0.0.1", "--port", "0")


@contextmanager
def served(
    folder: Path,
    database_url: str | None,
    tmp: Path,
    argv: Sequence[str] = ("-m", *UVICORN),
) -> Iterator[Served]:
    """Run myapp from `folder` on a port that the kernel chooses.

    `argv` is what Python is told.
    """
    process = subprocess.Popen(
        [sys.executable, *argv],
        cwd=folder,
        env=environment(database_url, tmp),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    )
    assert process.stderr is not None
    log: SimpleQueue[str] = SimpleQueue()
    # Read all the time, or the program would block once the pipe is full.
    reader = threading.Thread(target=_copy, args=(process.stderr, log))
    reader.start()
    try:
        running = Served(0, log)
        line = running.wait_for_log(r"Uvicorn running on|rror")
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, line
        yield Served(int(found[1]), log)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        finally:
            reader.join()
            process.stderr.close()


def _copy(lines: Iterable[str], log: SimpleQueue[str]) -> None:
    for line in lines:
        log.put(line)


def environment(database_url: str | None, tmp: Path) -> dict[str, str]:
    """Return a container's environment: nothing of the developer's own database."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("PG", "DATABASE", "UVICORN", "WEB_"))
    }
    url = {} if database_url is None else {"DATABASE_URL": database_url}
    here = {"TMPDIR": str(tmp), "SYNCD_RELOADER_SOCKET": str(tmp / "reloader.sock")}
    return own | url | here | {"PYTHONDONTWRITEBYTECODE": "1"}


def run_in_myapp(
    argv: Sequence[str], database_url: str | None, tmp: Path, folder: Path = MYAPP
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *argv],
        cwd=folder,
        env=environment(database_url, tmp),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@dataclass(frozen=True, slots=True)
class Postgres:
    sockets: Path
    user: str

    def url(self, database: str) -> str:
        return f"postgresql://{self.user}@/{database}?host={self.sockets}"


def postgres_missing() -> str | None:
    """Return why no PostgreSQL can be started here, or `None`."""
    for program in ("initdb", "postgres"):
        if shutil.which(program, path=POSTGRES_BIN) is None:
            return f"{program} is not installed (apt-get install postgresql)"
    return None


@contextmanager
def postgres() -> Iterator[Postgres]:
    """Run a PostgreSQL of our own on a Unix socket, never as root, and remove it."""
    initdb = shutil.which("initdb", path=POSTGRES_BIN)
    server = shutil.which("postgres", path=POSTGRES_BIN)
    assert initdb is not None
    assert server is not None
    # PostgreSQL refuses root. And not pytest's folder: only its owner may enter that.
    user = "nobody" if os.getuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        if user:
            shutil.chown(folder, user)
        data = Path(folder, "data")
        subprocess.run(
            [initdb, f"--pgdata={data}", "--username=myapp", "--auth=trust", *INITDB],
            user=user,
            cwd=folder,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        settings = [
            "listen_addresses=",
            f"unix_socket_directories={folder}",
            "fsync=off",
        ]
        process = subprocess.Popen(
            [server, "-D", data, *(f"--{setting}" for setting in settings)],
            user=user,
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        said: list[str] = []
        for line in process.stderr:
            said.append(line)
            if "ready to accept connections" in line:
                break
        drain = threading.Thread(target=process.stderr.read)
        drain.start()
        try:
            assert process.poll() is None, "".join(said)
            yield Postgres(Path(folder), "myapp")
        finally:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGQUIT)  # at once: nothing is worth keeping
            process.wait(10)
            drain.join()
            process.stderr.close()

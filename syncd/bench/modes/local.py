"""The floor: the same program on this machine, reloading itself. Nothing is sent."""

import os
import shlex
import socket
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath

import anyio
from anyio.abc import Process

from syncd.bench.look import Endpoint
from syncd.bench.modes.mode import Mode
from syncd.bench.modes.process import last_words, lasts, started
from syncd.bench.samples import FLOOR
from syncd.cluster.tasks import task_group
from syncd.errors import ConfigError


_UP_S = 60.0
_PLACED = ("--host", "--port", "--uds", "--fd")  # where it listens
_PORT = "{port}"
_HINT = "say with --local-command how the program is run here"


class Local(Mode):
    """`uvicorn --reload`, or what else serves the program, in a copy of the folder.

    Args:
        command: With `{port}` where the port to listen on stands.
        path: Of the URL where the marker is served.
        folder: The copy.

    Attributes:
        command: As given.
    """

    def __init__(self, command: Sequence[str], path: str, folder: Path) -> None:
        port = _free_port()
        super().__init__(FLOOR, Endpoint("127.0.0.1", port, path))
        self.command = " ".join(command)
        self._argv = [word.replace(_PORT, str(port)) for word in command]
        self._folder = folder
        self._log = folder.parent / "local.log"
        self._process: Process | None = None

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Run the server, up before the block begins."""
        # As in the container: edits within a second and of one size are told apart.
        environ = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        async with started(
            self._argv, cwd=self._folder, log=self._log, environ=environ
        ) as self._process:
            with anyio.move_on_after(_UP_S) as waiting:
                async with task_group() as tasks:
                    tasks.start_soon(self.lasts)
                    await self.endpoint.until_up()
                    tasks.cancel_scope.cancel()
            if waiting.cancelled_caught:
                said = last_words(self._log)
                raise ConfigError(f"{self._said} does not serve: {said}", hint=_HINT)
            yield

    async def lasts(self) -> None:
        """Wait for the end of the server, which should have none."""
        assert self._process is not None
        await lasts(self._process, self._said, self._log, hint=_HINT)

    @property
    def _said(self) -> str:
        return shlex.join(self._argv)


def local_command(argv: Sequence[str]) -> tuple[str, ...] | None:
    """Return how the container's server is run here, or None if it is not uvicorn.

    The flags stay, but for where it listens; that it reloads itself is made sure of.
    """
    names = [PurePosixPath(word).name for word in argv]
    if "uvicorn" not in names:
        return None
    words = list(argv[names.index("uvicorn") + 1 :])
    kept: list[str] = []
    while words:
        word = words.pop(0)
        name, equals, _ = word.partition("=")
        if name not in _PLACED:
            kept.append(word)
        elif not equals and words:
            words.pop(0)
    if "--reload" not in kept:
        kept.append("--reload")
    server = (sys.executable, "-m", "uvicorn")
    return (*server, *kept, "--host", "127.0.0.1", "--port", _PORT)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

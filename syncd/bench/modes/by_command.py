"""Other people's tools: a command after each save, or one that watches by itself."""

import os
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from anyio.abc import Process

from syncd.bench.edits import Edit
from syncd.bench.look import Endpoint
from syncd.bench.modes.mode import Account, Mode
from syncd.bench.modes.process import lasts, ran, started


class ByCommand(Mode):
    """A shell command: run after each save, or once for all if it ends with `&`.

    It runs in the folder that is edited, and finds in its environment what it may want
    to know: `SYNCD_BENCH_FOLDER`, `_CHANGED`, `_DELETED`, `_NAMESPACE`, `_POD`,
    `_CONTAINER` and `_REMOTE`.

    Args:
        name: What to call it.
        endpoint: Where its work is served.
        command: As a shell reads it.
        folder: The copy that is edited.
        environ: What it is told of the target.
    """

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        command: str,
        folder: Path,
        environ: Mapping[str, str],
    ) -> None:
        super().__init__(name, endpoint)
        self._watches = command.rstrip().endswith("&")
        self._command = command.rstrip().removesuffix("&").rstrip()
        self._folder = folder
        self._log = folder.parent / f"{name}.log"
        self._process: Process | None = None
        self._environ = {
            **os.environ,
            **environ,
            "SYNCD_BENCH_FOLDER": str(folder),
        }

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Run a command that watches, while the block lasts."""
        if not self._watches:
            yield
            return
        argv = ["sh", "-c", self._command]
        async with started(
            argv, cwd=self._folder, log=self._log, environ=self._environ
        ) as self._process:
            yield

    async def lasts(self) -> None:
        """Wait for the end of a command that watches, which should have none."""
        if self._process is None:
            await super().lasts()
        else:
            await lasts(self._process, self._command, self._log)

    async def push(self, edit: Edit) -> Account:
        """Run a command that does not watch."""
        if self._watches:
            return Account()
        told = {
            "SYNCD_BENCH_CHANGED": "\n".join(map(str, edit.changed)),
            "SYNCD_BENCH_DELETED": "\n".join(map(str, edit.deleted)),
        }
        await ran(["sh", "-c", self._command], self._folder, {**self._environ, **told})
        return Account({"applied": time.monotonic()})

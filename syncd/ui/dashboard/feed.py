"""The board kept true to what the syncd of a project says."""

import json
from contextlib import aclosing, suppress
from pathlib import Path

import anyio

from syncd.control import Client, connect
from syncd.errors import SyncdError
from syncd.ui.dashboard.board import Board


AGAIN_S = 1.0  # before a syncd that has ended is looked for again
EVERY_S = 5.0  # how old the status may be: of some changes no event tells
PACE_S = 0.1  # how often it is asked for at most, however much happens
_ENDED = "syncd tells nothing any more; this page goes on when it is back"


class Feed:
    """Follows the syncd of a project, and the next one when it has ended.

    Args:
        folder: The project, or a folder in it.
        again_s: How long to wait before a syncd that has ended is looked for again.
    """

    def __init__(self, folder: Path, *, again_s: float = AGAIN_S) -> None:
        self._folder = folder
        self._again_s = again_s
        self._board = Board()
        self._version = 0
        self._news = anyio.Event()
        self._happened = anyio.Event()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                await self._follow()
                self._board.lose(_ENDED)
            except SyncdError as error:
                self._board.lose(f"{error}; {error.hint}" if error.hint else str(error))
            self._tell()
            await anyio.sleep(self._again_s)

    async def after(self, version: int) -> int:
        """Return the number of what is to be shown, when that is another one."""
        while self._version == version:
            await self._news.wait()
        return self._version

    def shown(self) -> str:
        """Return what is to be shown, as a line of JSON."""
        return json.dumps(self._board.view())

    async def _follow(self) -> None:
        """Follow one syncd to its end.

        Raises:
            SyncdError: If there is none, or it does not answer.
        """
        async with connect(self._folder) as listening, connect(self._folder) as asking:
            self._board.see(await asking.status())
            self._tell()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._ask, asking)
                # However it ends, and whoever notices first: it has ended.
                with suppress(SyncdError):
                    await self._listen(listening)
                tasks.cancel_scope.cancel()

    async def _listen(self, client: Client) -> None:
        async with aclosing(client.events()) as records:
            async for record in records:
                self._board.take(record)
                self._happened.set()
                self._tell()

    async def _ask(self, client: Client) -> None:
        """Ask for the status, now and whenever something has happened."""
        with suppress(SyncdError):  # as above
            while True:
                self._happened = anyio.Event()
                self._board.see(await client.status())
                self._tell()
                with anyio.move_on_after(EVERY_S):
                    await self._happened.wait()
                await anyio.sleep(PACE_S)

    def _tell(self) -> None:
        self._version += 1
        self._news.set()
        self._news = anyio.Event()

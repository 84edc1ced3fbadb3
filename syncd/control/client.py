"""The side that asks: `syncd status` and its like, and programs."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import anyio
from anyio import to_thread
from anyio.abc import SocketStream

from syncd import errors
from syncd.control import claim
from syncd.control.claim import Record
from syncd.control.lines import Lines, Malformed, line
from syncd.control.status import Status, Waited
from syncd.errors import SyncdError, TransportError


ANSWER_S = 10.0  # a daemon that lives answers in milliseconds
GONE_S = 30.0  # a daemon that was told to stop is gone after this long

T = TypeVar("T")

_KINDS: dict[int, type[SyncdError]] = {
    kind.exit_code: kind
    for kind in (
        errors.ConfigError,
        errors.Halted,
        errors.TargetError,
        errors.TransportError,
        errors.Overdue,
    )
}


class Client:
    """Asks a running syncd.

    Args:
        stream: A connection to it.
        record: Who it is.
    """

    def __init__(self, stream: SocketStream, record: Record) -> None:
        self.record = record
        self._stream = stream
        self._lines = Lines(stream)

    async def status(self) -> Status:
        """Return how things stand.

        Raises:
            TransportError: If it does not answer.
        """
        return self._read(Status.read, await self._ask({"request": "status"}))

    async def wait(self, *, ready: bool = False, timeout_s: float = 60.0) -> Waited:
        """Return when all that was saved before the call is applied everywhere.

        Args:
            ready: Wait until it is served, too.
            timeout_s: For how long.

        Raises:
            Overdue: If it takes longer.
            SyncdError: What stands in the way.
        """
        request = {"request": "wait", "ready": ready, "timeout_s": timeout_s}
        answer = await self._ask(request, within_s=timeout_s + ANSWER_S)
        return self._read(Waited.read, answer)

    async def stop(self) -> None:
        """Have it end, and return when it is gone.

        Raises:
            TransportError: If it does not go.
        """
        await self._ask({"request": "stop"})
        if not await to_thread.run_sync(claim.until_gone, self.record, GONE_S):
            raise TransportError(
                f"{self.record} was told to stop, and is still there",
                hint=f"kill {self.record.pid}",
            )

    async def events(self) -> AsyncGenerator[dict[str, Any], None]:
        """Yield its events from now on, as `--output json` writes them.

        The last is `events.dropped` if this reader was too slow for them.
        """
        await self._ask({"request": "events"})
        while True:
            try:
                yield await self._lines.next()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return

    def _read(self, read: Callable[[dict[str, Any]], T], answer: dict[str, Any]) -> T:
        try:
            return read(answer)
        except (KeyError, TypeError) as error:
            raise TransportError(
                f"{self.record} does not answer as this syncd would: it is another"
                " version",
                hint="syncd stop, then syncd watch",
            ) from error

    async def _ask(
        self, request: dict[str, object], *, within_s: float = ANSWER_S
    ) -> dict[str, Any]:
        try:
            with anyio.fail_after(within_s):
                await self._stream.send(line(request))
                answer = await self._lines.next()
        except TimeoutError as error:
            raise TransportError(
                f"{self.record} does not answer", hint=f"kill {self.record.pid}"
            ) from error
        except (anyio.EndOfStream, anyio.BrokenResourceError, Malformed) as error:
            raise TransportError(f"{self.record} ended in the middle") from error
        if answer.pop("ok", False):
            return answer
        said = answer["error"]
        raise _KINDS.get(said["code"], SyncdError)(said["message"], hint=said["hint"])


@asynccontextmanager
async def connect(folder: Path) -> AsyncGenerator[Client, None]:
    """Connect to the syncd that watches the project which `folder` is, or is in.

    Raises:
        Absent: If there is none.
    """
    record = await to_thread.run_sync(claim.find, folder)
    if record is None:
        raise await to_thread.run_sync(claim.absent, folder)
    try:
        stream = await anyio.connect_unix(record.socket)
    except OSError as error:
        raise await to_thread.run_sync(claim.absent, folder) from error
    async with stream:
        yield Client(stream, record)

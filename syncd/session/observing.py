"""The program in the container, observed through its log: does it serve the code?"""

from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import asdict

import anyio

from syncd import events
from syncd.errors import SyncdError, TransportError
from syncd.plan import Run
from syncd.reload import PATTERNS, Pattern, Reader, Sign
from syncd.session.link import Link
from syncd.session.mark import Mark
from syncd.session.owed import Owed
from syncd.session.readiness import Readiness
from syncd.session.reloads import (
    HANGS_AFTER_S,
    RELOADER,
    Failed,
    Hangs,
    Missed,
    NoReload,
    Reloaded,
    Reloads,
    Verdict,
)
from syncd.session.report import Report
from syncd.session.ways import Log


RESUME_S = 1.0  # before the log is opened again

_ADVICE = (
    "the warm reloader serves an edit in a tenth of a second: run the program under it"
    " in the image, or set inject = true under [target.reloader]"
)
_HANG_HINTS = {
    RELOADER: "the new code takes long to start; what served before serves on",
    "uvicorn": "an open stream (SSE, WebSocket) holds it: start uvicorn with"
    " --timeout-graceful-shutdown 1",
    "gunicorn": "an open request holds it: start gunicorn with --graceful-timeout 1",
}


class Observer:
    """Follows the program of one container for as long as its session holds a link.

    Args:
        link: Says what the warm reloader says, where one runs.
        log: Returns the log, unread; None without one.
        owed: Where a touch is asked for when the program missed a change.
        report: Where events go.
        readiness: Told of what has reloaded.
        patterns: What the log is read for.
    """

    def __init__(
        self,
        link: Link,
        log: Callable[[], Log] | None,
        owed: Owed,
        report: Report,
        readiness: Readiness,
        patterns: tuple[Pattern, ...] = PATTERNS,
    ) -> None:
        self._link = link
        self._log = log
        self._owed = owed
        self._report = report
        self._readiness = readiness
        self._reader = Reader(patterns)
        self._reloads = Reloads()
        self._applied = anyio.Event()

    def applied(
        self,
        marks: Collection[Mark],
        paths: Sequence[bytes],
        sent_s: float,
        told_as: int | None = None,
    ) -> None:
        """Take that the batches of `marks` were applied.

        Args:
            marks: Who waits for them.
            paths: What they changed.
            sent_s: They were sent no sooner.
            told_as: The number under which the warm reloader was told, if it was.
        """
        now = self._report.clock()
        if told_as is not None:
            numbers = [mark.number for mark in marks]
            self._tell(self._reloads.told(told_as, numbers, paths, now))
        elif self._log is not None:
            self._advise()
            for mark in marks:
                self._tell(self._reloads.applied(mark.number, paths, sent_s, now))
        self._applied.set()

    def _advise(self) -> None:
        """Tell what would make reloads faster, if a server of Python is seen to do them."""
        server = self._reloads.server
        if server in _HANG_HINTS and server != RELOADER:
            self._report.emit(
                events.ReloaderAdvised(
                    target=self._report.who.target, server=server, hint=_ADVICE
                )
            )

    async def hear(self) -> None:
        """Take in what the warm reloader answers, until cancelled."""
        while True:
            answer = await self._link.reload_answer()
            self._tell(self._reloads.answered(answer, self._report.clock()))

    async def follow(self) -> None:
        """Read the log, until cancelled. Without it, reloads are not seen.

        What it held before tells what the program is, and answers no batch.
        """
        if self._log is None:
            return
        log = self._log()
        try:
            await self._read(log.history, self._reloads.recall)
            while True:
                await self._read(log.follow, self._heed)
                await anyio.sleep(RESUME_S)
        except SyncdError as error:
            self._report.limited(f"reloads are not seen: {error}")

    async def _read(
        self,
        lines: Callable[[], AsyncGenerator[bytes, None]],
        take: Callable[[Sign], None],
    ) -> None:
        """Read to the proper end, however often the connection breaks."""
        while True:
            try:
                async with aclosing(lines()) as opened:
                    async for line in opened:
                        sign = self._reader.feed(line.decode("utf-8", "replace"))
                        if sign is not None:
                            take(sign)
            except TransportError:
                await anyio.sleep(RESUME_S)
            else:
                return

    def _heed(self, sign: Sign) -> None:
        self._tell(self._reloads.seen(sign, self._report.clock()))

    async def wait(self) -> None:
        """Tell of reloads that do not come in time, until cancelled."""
        while True:
            due = self._reloads.due_s
            self._applied = anyio.Event()
            if due is None:
                await self._applied.wait()
                continue
            with anyio.move_on_after(max(0.0, due - self._report.clock())):
                await self._applied.wait()
            self._tell(self._reloads.overdue(self._report.clock()))

    def _tell(self, verdicts: Sequence[Verdict]) -> None:
        who = asdict(self._report.who)
        for verdict in verdicts:
            match verdict:
                case Reloaded() | NoReload():
                    self._report.reloaded(verdict)
                    anew = isinstance(verdict, Reloaded)
                    self._readiness.reloaded(verdict.batch, anew=anew)
                case Failed(batches=batches, broke=broke):
                    self._readiness.failed()
                    self._report.emit(
                        events.ReloadFailed(
                            **who,
                            batches=batches,
                            error=broke.error,
                            path=broke.file,
                            line=broke.line,
                            tail=broke.tail,
                        )
                    )
                case Hangs(batches=batches, server=server):
                    self._report.emit(
                        events.ReloadHung(
                            **who,
                            batches=batches,
                            server=server,
                            waited_s=HANGS_AFTER_S,
                            hint=_HANG_HINTS.get(server, ""),
                        )
                    )
                case Missed(batch=batch, path=path):
                    self._report.emit(
                        events.ReloadMissed(**who, batch=batch, path=path)
                    )
                    name = path.decode("utf-8", "surrogateescape")
                    self._owed.ask([Run(("touch", "-c", f"./{name}"))])

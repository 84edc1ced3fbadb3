"""The program in the container, observed: does it serve the code?

It is observed through its log, or asked by way of the warm reloader where one runs.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import asdict

import anyio

from syncd import events
from syncd.cluster import LogLine
from syncd.errors import SyncdError, TransportError
from syncd.reload import PATTERNS, Pattern, Reader, Sign
from syncd.session.link import Link
from syncd.session.owed import Owed, Turn
from syncd.session.readiness import Readiness
from syncd.session.reloads import HANGS_AFTER_S, Reloads
from syncd.session.report import Report
from syncd.session.told import RELOADER, Told, Unanswered
from syncd.session.verdicts import (
    Failed,
    Hangs,
    Missed,
    NoReload,
    Reloaded,
    Unseen,
    Unwatched,
    Verdict,
)
from syncd.session.waiting import Times
from syncd.session.ways import Log
from syncd.tree import Kind, Tree, above


RESUME_S = 1.0  # before the log is opened again
HELD_S = 0.05  # a traceback after which so long nothing came is the last
LISTENING_S = 0.5  # so long what is sent waits for the log, which is to answer for it

_ADVICE = (
    "the warm reloader serves an edit in a tenth of a second: run the program under it"
    " in the image, or set inject = true under [target.reloader]"
)
_STARTS = "the new code takes long to start"
_HANG_HINTS = {
    RELOADER: f"{_STARTS}; what served before serves on",
    "uvicorn": "an open stream (SSE, WebSocket) holds it: start uvicorn with"
    " --timeout-graceful-shutdown 1",
    "gunicorn": "it does not reload uvicorn's workers: run uvicorn --reload itself, or"
    " the warm reloader; other workers are held by an open request until --timeout",
}


class Observer:
    """Follows the program of one container for as long as its session holds a link.

    Args:
        link: Says what the warm reloader says, where one runs.
        log: Returns the log, unread; None without one.
        owed: Where a file is asked for once more when the program missed its change.
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
        self._reloads = Reloads(patterns)
        self._told = Told()
        self._listens = anyio.Event()
        self._moved = anyio.Event()
        self._held_s: float | None = None
        self._unseen = False

    def applied(self, batches: Sequence[int], turn: Turn) -> None:
        """Take that batches were applied, as what `turn` says of them."""
        now = self._report.clock()
        if turn.told:
            self._tell(self._told.applied(batches, turn.told, turn.landed, now))
        elif self._log is not None:
            self._advise()
            sent_s = now if turn.sent_s is None else turn.sent_s
            places = sorted(turn.landed, key=self._is_gone)
            times = Times(sent_s, now, turn.landed_at_s)
            self._tell(self._reloads.applied(batches, places, times))
        self._moved.set()

    def _is_gone(self, place: tuple[int, bytes]) -> bool:
        root, path = place
        return path not in self._owed.roots[root].tree

    def _advise(self) -> None:
        """Tell what would make reloads faster, if a server of Python is seen to do them."""
        server = self._reloads.server
        if server in _HANG_HINTS and server != RELOADER:
            self._report.emit(
                events.ReloaderAdvised(
                    target=self._report.who.target, server=server, hint=_ADVICE
                )
            )

    async def listening(self) -> None:
        """Wait until what the log says answers what is applied from now on."""
        if self._log is not None:
            with anyio.move_on_after(LISTENING_S):
                await self._listens.wait()

    async def hear(self) -> None:
        """Take in what the warm reloader answers, until cancelled."""
        while True:
            answer = await self._link.reload_answer()
            self._tell(self._told.answered(answer, self._report.clock()))

    async def follow(self) -> None:
        """Read the log, until cancelled. Without it, reloads are not seen.

        What it held before tells what the program is, and answers no batch.
        """
        if self._log is None:
            return
        log = self._log()
        try:
            await self._read(log.history, self._reloads.recall)
            for sign in self._reader.flush():
                self._reloads.recall(sign)
            self._listens.set()
            while True:
                await self._read(log.follow, self._heed)
                await anyio.sleep(RESUME_S)
        except SyncdError as error:
            self._report.limited(f"reloads are not seen: {error}")
        finally:
            self._listens.set()

    async def _read(
        self,
        lines: Callable[[], AsyncGenerator[LogLine, None]],
        take: Callable[[Sign, float], None],
    ) -> None:
        """Read to the proper end, however often the connection breaks."""
        while True:
            try:
                async with aclosing(lines()) as opened:
                    async for line in opened:
                        text = line.text.decode("utf-8", "replace")
                        for sign in self._reader.feed(text):
                            take(sign, line.at_s)
                        self._hold()
            except TransportError:
                await anyio.sleep(RESUME_S)
            else:
                return

    def _hold(self) -> None:
        """Have what the reader holds told soon, if nothing more comes."""
        if self._reader.holds and self._listens.is_set():
            self._held_s = self._report.clock() + HELD_S
            self._moved.set()

    def _heed(self, sign: Sign, at_s: float = 0.0) -> None:
        self._tell(self._reloads.seen(sign, self._report.clock(), at_s))
        self._moved.set()

    async def wait(self) -> None:
        """Tell of what does not come in time, until cancelled."""
        while True:
            due = [self._reloads.due_s, self._told.due_s, self._held_s]
            due_s = min((each for each in due if each is not None), default=None)
            self._moved = anyio.Event()
            if due_s is None:
                await self._moved.wait()
                continue
            with anyio.move_on_after(max(0.0, due_s - self._report.clock())):
                await self._moved.wait()
            self._tell_overdue(self._report.clock())

    def _tell_overdue(self, now: float) -> None:
        if self._held_s is not None and now >= self._held_s:
            self._held_s = None
            for sign in self._reader.flush():
                self._heed(sign)
        self._tell((*self._reloads.overdue(now), *self._told.overdue(now)))

    def _tell(self, verdicts: Sequence[Verdict | Unanswered]) -> None:
        for verdict in verdicts:
            match verdict:
                case Unanswered(batches=batches, places=places):
                    now = self._report.clock()
                    self._tell(self._reloads.applied(batches, places, Times(now, now)))
                case Reloaded() | NoReload():
                    self._report.reloaded(verdict)
                    anew = isinstance(verdict, Reloaded)
                    self._readiness.reloaded(verdict.batch, anew=anew)
                case Failed(batches=batches, broke=broke):
                    self._readiness.failed()
                    self._report.failed(batches, broke)
                case Hangs(server=server, started=started):
                    hint = _STARTS if started else _HANG_HINTS.get(server, "")
                    self._report.hangs(verdict, HANGS_AFTER_S, hint)
                case Unseen(batches=batches, server=server):
                    self._ask_instead(batches, server)
                case Missed() | Unwatched():
                    self._tell_missed(verdict)

    def _tell_missed(self, verdict: Missed | Unwatched) -> None:
        who, batch, (root, path) = (
            asdict(self._report.who),
            verdict.batch,
            verdict.place,
        )
        if isinstance(verdict, Missed):
            self._report.emit(events.ReloadMissed(**who, batch=batch, path=path))
            stand_in = standing_in(self._owed.roots[root].tree, path)
            if stand_in is not None:
                self._owed.again(root, stand_in)
        else:
            self._report.emit(events.ReloadUnwatched(**who, batch=batch, path=path))
            self._tell([NoReload(batch)])

    def _ask_instead(self, batches: Sequence[int], server: str) -> None:
        """Go by the readiness probe alone: this server's log does not tell."""
        if not self._unseen:
            self._unseen = True
            self._report.limited(
                f"reloads are not seen: {server} does not say it serves"
            )
        for batch in batches if self._readiness.asks else ():
            self._readiness.reloaded(batch, anew=True)


def standing_in(tree: Tree, path: bytes) -> bytes | None:
    """Return a file that stands for a change of `path` if it is written once more.

    That is `path` itself or, where it is gone, code as near to it as there is.
    """
    if path in tree:
        return path
    code = sorted(
        other
        for other, entry in dict(tree).items()
        if entry.kind is Kind.FILE and other.endswith(b".py")
    )
    for folder in (*reversed([*above(path)]), b""):
        inside = folder + b"/" if folder else b""
        near = next((other for other in code if other.startswith(inside)), None)
        if near is not None:
            return near
    return None

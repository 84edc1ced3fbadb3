"""Lines of a log in, signs out."""

import re
from dataclasses import replace

from syncd.reload.patterns import PATTERNS, REQUEST, Pattern
from syncd.reload.signs import Anew, Armed, Began, Broke, Holds, Serving, Sign
from syncd.reload.tracebacks import Traceback, begins, chains


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_REQUEST = re.compile(REQUEST)
_TAIL = 8


class Reader:
    """Reads a log line by line.

    Of tracebacks that follow from each other the last says what went wrong, and nothing
    says that there will be no other: so one is held until something else is read, or
    `flush` is called.

    Args:
        patterns: The servers to know.
    """

    def __init__(self, patterns: tuple[Pattern, ...] = PATTERNS) -> None:
        self._patterns = [
            (p.server, kind, re.compile(expression))
            for p in patterns
            for kind, expression in (
                (Armed, p.armed),
                (Began, p.began),
                (Serving, p.serving),
                (Anew, p.anew),
                (Holds, p.holds),
            )
            if expression
        ]
        self._traceback: Traceback | None = None
        self._held: Broke | None = None
        self._chained = False
        self._of_request = False

    @property
    def holds(self) -> bool:
        """Whether there is something that `flush` returns."""
        whole = self._traceback is not None and self._traceback.is_whole
        return whole or self._held is not None

    def feed(self, line: str) -> tuple[Sign, ...]:
        """Return what `line` says of a reload, and what was held before it."""
        line = _COLOUR.sub("", line.rstrip())
        if self._traceback is not None:
            if self._traceback.takes(line):
                return ()
            ended = self._traceback.ends(line)
            self._close(line)
            if ended:
                return ()
        if begins(line):
            return self._open(line)
        if not line or chains(line):
            self._chained |= bool(line)
            return ()
        self._of_request = bool(_REQUEST.search(line))
        return (*self.flush(), *self._signs(line))

    def flush(self) -> tuple[Sign, ...]:
        """Return what was held: nothing follows from it."""
        if self._traceback is not None and self._traceback.is_whole:
            self._close("")
        held, self._held = self._held, None
        self._chained = False
        return () if held is None else (held,)

    def _open(self, line: str) -> tuple[Sign, ...]:
        flushed = () if self._chained else self.flush()
        self._traceback = Traceback(line, of_request=self._of_request)
        self._chained = False
        return flushed

    def _close(self, line: str) -> None:
        assert self._traceback is not None
        broke = self._traceback.end(line)
        if broke is not None and not self._traceback.of_request:
            self._held = broke
        self._traceback = None

    def _signs(self, line: str) -> tuple[Sign, ...]:
        for server, kind, expression in self._patterns:
            if expression.search(line):
                return (kind(server),)
        return ()


def broken(text: str, file: str, line: int) -> Broke:
    """Return what a traceback says that is known to be why the new code does not start.

    Args:
        text: The traceback, or what else is known of how the program ended.
        file: Where, if that is known better than from the traceback.
        line: The number of the line there.
    """
    reader = Reader()
    lines = text.splitlines()
    signs = [sign for each in lines for sign in reader.feed(each)] + [*reader.flush()]
    told = [each for each in lines if each.strip()][-_TAIL:] or [text]
    broke = next(
        (sign for sign in reversed(signs) if isinstance(sign, Broke)),
        Broke(told[-1], "", 0, tuple(told)),
    )
    return replace(broke, file=file, line=line) if file else broke

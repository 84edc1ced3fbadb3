"""What a program's log says of its reloads. Pure.

Servers that reload themselves say so: that they begin, that they serve again, or, by a
traceback, that the new code does not import. The patterns are those of the servers'
own words; `tests/recordings/reloads/` holds what each was seen to write.
"""

import re
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Armed:
    """The server reloads by itself."""

    server: str


@dataclass(frozen=True, slots=True)
class Began:
    """The server saw a change, and starts over."""

    server: str


@dataclass(frozen=True, slots=True)
class Serving:
    """The server serves, for the first time or again."""

    server: str


@dataclass(frozen=True, slots=True)
class Broke:
    """The new code does not start.

    Attributes:
        error: The traceback's last line: what is wrong.
        file: Where, as far as the traceback says; "" if it does not.
        line: The number of the line; 0 if it does not say.
        tail: The traceback's last lines.
    """

    error: str
    file: str
    line: int
    tail: tuple[str, ...]


Sign = Armed | Began | Serving | Broke


@dataclass(frozen=True, slots=True)
class Pattern:
    """A server's words. Expressions are searched for in a line."""

    server: str
    armed: str = ""
    began: str = ""
    serving: str = ""


PATTERNS = (
    Pattern(
        "the warm reloader",  # where it cannot be asked
        armed=r"^syncd-reloader: \d+ modules are warm",
        serving=r"^syncd-reloader: generation \d+ serves",
    ),
    Pattern(
        "uvicorn",
        armed=r"Started reloader process",
        began=r"(WatchFiles|StatReload|WatchGodReload) detected .*[Rr]eloading",
        serving=r"Application startup complete\.|ASGI 'lifespan' protocol appears",
    ),
    Pattern(
        "gunicorn",
        armed=r"Reloader is on\.",
        began=r"Worker reloading: .* modified",
        serving=r"Booting worker with pid",
    ),
    Pattern("hypercorn", serving=r"Running on https?://\S+ \(CTRL \+ C to quit\)"),
    Pattern(
        "granian",
        began=r"Changes detected, reloading workers",
        serving=r"\] Started worker-\d+",
    ),
    Pattern(
        "flask",
        armed=r"\* Restarting with (stat|watchdog)",
        began=r"\* Detected change in .*, reloading",
        serving=r"\* Debugger is active!",
    ),
    Pattern(
        "django",
        armed=r"Watching for file changes with \w+Reloader",
        began=r"\S+\.py changed, reloading\.",
        serving=r"Starting (development|ASGI/\S+ version \S+ development) server at",
    ),
)

_FRAME = re.compile(r'\s+File "(?P<file>[^"]+)", line (?P<line>\d+)')
_LAST = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Exit|Interrupt|Warning)?(:.*)?$")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_TAIL = 8
_FOREIGN = ("/site-packages/", "/dist-packages/", "<frozen ", "/lib/python3")


class Reader:
    """Reads a log line by line.

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
            )
            if expression
        ]
        self._traceback: list[str] | None = None

    def feed(self, line: str) -> Sign | None:
        """Return what `line` says of a reload, if anything."""
        line = _COLOUR.sub("", line.rstrip())
        if self._traceback is not None:
            return self._in_traceback(line)
        if line.endswith("Traceback (most recent call last):"):
            self._traceback = []
            return None
        return self._sign(line)

    def _sign(self, line: str) -> Sign | None:
        for server, kind, expression in self._patterns:
            if expression.search(line):
                return kind(server)
        return None

    def _in_traceback(self, line: str) -> Sign | None:
        assert self._traceback is not None
        if line.startswith((" ", "\t")) or not line:
            self._traceback.append(line)
            return None
        traceback, self._traceback = self._traceback, None
        if (sign := self._sign(line)) or not _LAST.match(line):
            return sign
        file, number = _place(traceback)
        tail = tuple([text for text in traceback if text.strip()][1 - _TAIL :])
        return Broke(line, file, number, (*tail, line))


def broken(text: str, file: str, line: int) -> Broke:
    """Return what a traceback says that is known to be why the new code does not start.

    Args:
        text: The traceback, or what else is known of how the program ended.
        file: Where, if that is known better than from the traceback.
        line: The number of the line there.
    """
    reader = Reader()
    lines = text.splitlines()
    signs = [sign for each in lines if isinstance(sign := reader.feed(each), Broke)]
    told = [each for each in lines if each.strip()][-_TAIL:] or [text]
    broke = signs[-1] if signs else Broke(told[-1], "", 0, tuple(told))
    return replace(broke, file=file, line=line) if file else broke


def _place(traceback: list[str]) -> tuple[str, int]:
    """Return the last place in code of one's own, or else the very last."""
    frames = [m for m in map(_FRAME.match, traceback) if m]
    own = [m for m in frames if not any(part in m["file"] for part in _FOREIGN)]
    if not frames:
        return "", 0
    last = (own or frames)[-1]
    return last["file"], int(last["line"])

"""A traceback, line by line, as Python writes it."""

import re
from collections import deque
from collections.abc import Iterable

from syncd.reload.signs import Broke


_HEAD = "Traceback (most recent call last):"
_FRAME = re.compile(r'\s*File "(?P<file>[^"]+)", line (?P<line>\d+)')
_LAST = re.compile(
    r"(?!(TRACE|DEBUG|INFO|WARNING|ERROR|CRITICAL|FATAL)\b)[A-Za-z_][\w.<>]*(:.*)?$"
)
_BORDER = re.compile(r"^\s*\| ?")  # of what belongs to an exception group
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)
_FOREIGN = ("/site-packages/", "/dist-packages/", "<frozen ", "/lib/python3")
_TAIL = 8
_KEPT = 400  # lines; of a recursion without end, the last


def begins(line: str) -> bool:
    """Tell whether a traceback begins with `line`."""
    return line.endswith(_HEAD)


def chains(line: str) -> bool:
    """Tell whether what follows `line` is the same failure, further out."""
    return line.strip() in _CHAINED


class Traceback:
    """One that is being read.

    Args:
        head: Its first line.
        of_request: It is no news of a reload.
    """

    def __init__(self, head: str, *, of_request: bool) -> None:
        self.of_request = of_request
        self._is_group = head.endswith(f"Exception Group {_HEAD}")
        self._lines: deque[str] = deque(maxlen=_KEPT)

    def takes(self, line: str) -> bool:
        """Take `line` in, if it belongs to the traceback and is not its last."""
        # Flask's own lines begin with a space and a star.
        if line.startswith(" * ") or (line and not line.startswith((" ", "\t"))):
            return False
        self._lines.append(line)
        return True

    @property
    def is_whole(self) -> bool:
        """Whether nothing has to follow."""
        return self._is_group and self.end("") is not None

    def ends(self, line: str) -> bool:
        """Tell whether `line` is its last."""
        return not self._is_group and _LAST.match(line) is not None

    def end(self, line: str) -> Broke | None:
        """Return what it says; None if it stops before it says it.

        Args:
            line: The line after those that it took.
        """
        lines = list(self._lines)
        if not self._is_group:
            return _broke(lines, line) if self.ends(line) else None
        bare = [_BORDER.sub("", each) for each in lines if "|" in each]
        last = max(
            (i for i, each in enumerate(bare) if _LAST.match(each)), default=None
        )
        return None if last is None else _broke(bare[:last], bare[last])


def _broke(lines: list[str], error: str) -> Broke:
    file, number = _place(lines)
    tail = tuple([text for text in lines if text.strip()][1 - _TAIL :])
    return Broke(error, file, number, (*tail, error))


def _place(lines: Iterable[str]) -> tuple[str, int]:
    """Return the last place in code of one's own, or else the very last."""
    frames = [found for found in map(_FRAME.match, lines) if found]
    own = [f for f in frames if not any(part in f["file"] for part in _FOREIGN)]
    if not frames:
        return "", 0
    last = (own or frames)[-1]
    return last["file"], int(last["line"])

"""What a builder writes: kept in full, told as it comes, summed up when it fails."""

import re
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from syncd.state import state_folder


_KEPT = 20  # logs of builds
_LAST = 20  # lines that a failure shows
_STEPS = (
    re.compile(r"Step (?P<step>\d+)/(?P<steps>\d+) : (?P<what>.*)"),
    re.compile(
        r"(\[\d+/\d+\] )?STEP (?P<step>\d+)/(?P<steps>\d+): (?P<what>.*)", re.IGNORECASE
    ),
    re.compile(
        r"(#\d+|\s*>) \[([^\]]*\s)?(?P<step>\d+)/(?P<steps>\d+)\] (?P<what>.*?):?"
    ),
)


@dataclass(frozen=True, slots=True)
class Step:
    """An instruction of a Dockerfile that is being carried out.

    Attributes:
        number: From 1.
        total: How many there are.
        what: The instruction.
    """

    number: int
    total: int
    what: str


def step(line: str) -> Step | None:
    """Return the step that a line of a builder announces, if it does."""
    for pattern in _STEPS:
        if found := pattern.fullmatch(line):
            return Step(int(found["step"]), int(found["steps"]), found["what"].strip())
    return None


class Output:
    """Takes the lines of a builder.

    Args:
        path: The file that keeps them; its folder is made if it is missing.
        secrets: Values that are written as `***`.
        tell: Called with each line, and the last step that was announced.

    Attributes:
        path: As given.
        step: The last step that was announced.
    """

    def __init__(
        self, path: Path, secrets: Iterable[str], tell: Callable[[str, Step], None]
    ) -> None:
        self.path = path
        self.step = Step(0, 0, "")
        self._tell = tell
        self._secrets = sorted(filter(_is_telling, secrets), key=len, reverse=True)
        self._last: deque[str] = deque(maxlen=_LAST)
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = path.open("w", encoding="utf-8", errors="backslashreplace")
        path.chmod(0o600)

    @property
    def last(self) -> tuple[str, ...]:
        """The last lines."""
        return tuple(self._last)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._file.close()

    def hear(self, line: str) -> None:
        """Take a line."""
        for secret in self._secrets:
            line = line.replace(secret, "***")
        self._last.append(line)
        self._file.write(f"{line}\n")
        self._file.flush()
        self.step = step(line) or self.step
        self._tell(line, self.step)


def _is_telling(secret: str) -> bool:
    # Words as short as this stand in every output by chance.
    return len(secret) >= 4


def new_log(target: str) -> Path:
    """Return where the log of a new build of `target` goes; old logs make room."""
    folder = state_folder() / "builds"
    name = re.sub(r"[^\w.-]+", "-", target)
    logs = sorted(folder.glob("*.log"), key=lambda log: log.stem.rpartition("-")[2])
    for log in logs[: -_KEPT + 1]:
        log.unlink(missing_ok=True)
    return folder / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.log"

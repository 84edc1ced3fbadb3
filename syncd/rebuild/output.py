"""What a builder writes: kept in full, told as it comes, summed up when it fails."""

import re
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from io import FileIO
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
        path: The file that keeps them, as long as there is room; its folder is made if
            it is missing.
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
        self._file: FileIO | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = FileIO(path, "w")
            path.chmod(0o600)
        except OSError as error:
            tell(f"the log cannot be kept: {error.strerror}", self.step)

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
        if self._file is not None:
            self._file.close()

    def hear(self, line: str) -> None:
        """Take a line."""
        for secret in self._secrets:
            line = line.replace(secret, "***")
        self._last.append(line)
        self._keep(line)
        self.step = step(line) or self.step
        self._tell(line, self.step)

    def _keep(self, line: str) -> None:
        if self._file is None:
            return
        rest = f"{line}\n".encode("utf-8", "backslashreplace")
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            self._file.close()
            self._file = None
            self._tell(f"the log ends here: {error.strerror}", self.step)


def _is_telling(secret: str) -> bool:
    # Words as short as this stand in every output by chance.
    return len(secret) >= 4


def new_log(target: str) -> Path:
    """Return where the log of a new build of `target` goes; old logs make room.

    That they cannot is told when this one is written.
    """
    folder = state_folder() / "builds"
    name = re.sub(r"[^\w.-]+", "-", target)
    logs = sorted(folder.glob("*.log"), key=lambda log: log.stem.rpartition("-")[2])
    for log in logs[: -_KEPT + 1]:
        with suppress(OSError):
            log.unlink()
    return folder / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.log"

"""Lines for programs that read lines: fixed beginnings, no colour, no wrapping.

    [syncd] start begin
    [syncd] start end ok 812ms
    [syncd] batch 7 begin deployment/myapp
    [syncd] batch 7 end ok 15ms main.py: 1 file, 2.1 KiB → 3 replicas
    [syncd] warning myapp-5d8f/myapp: lost: the stream broke; again in 0.5 s
    [syncd] stop

Every `begin` is followed by its `end`, which is what problem matchers wait for.
"""

from types import TracebackType
from typing import Self, TextIO

from syncd import events
from syncd.events import Event, Level
from syncd.ui.batches import changed, reached
from syncd.ui.lines import line
from syncd.ui.output import matters
from syncd.ui.text import safe, some


class Plain:
    """Writes one line an event.

    Args:
        stream: Where to; flushed after every line.
        least: The least level that is shown. Begin and end lines always are.
    """

    def __init__(self, stream: TextIO, *, least: Level = "info") -> None:
        self._stream = stream
        self._least = least
        self._in_step = False

    def __enter__(self) -> Self:
        self._write("start begin")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._in_step:
            self._write("start end failed")
        self._write("stop")

    def __call__(self, event: Event) -> None:
        """Report `event`."""
        match event:
            case events.InStep():
                self._in_step = True
                self._write(f"start end ok {event.since_start_ms:.0f}ms")
            case events.BatchSettled():
                self._write(f"batch {event.batch} begin {safe(event.target)}")
            case events.BatchDone():
                self._write(f"batch {event.batch} end {_outcome(event)}")
            case _:
                self._say(event)

    def _say(self, event: Event) -> None:
        said = line(event)
        if not matters(said.level, self._least):
            return
        if isinstance(event, events.Failed):
            self._write(f"error {said.said}")
        else:
            self._write(f"{said.level} {said.subject}: {said.said}")
        for each in said.body:
            self._write(f"  {each}")
        if said.hint:
            self._write(f"hint {said.hint}")

    def _write(self, text: str) -> None:
        self._stream.write(f"[syncd] {text}\n")
        self._stream.flush()


def _outcome(event: events.BatchDone) -> str:
    word = "failed" if event.failed else "ok" if event.replicas else "waiting"
    names = some(event.paths, event.files + event.deleted, most=2)
    said = f"{names}: {changed(event)} → {reached(event)}"
    return f"{word} {event.total_ms:.0f}ms {said}"

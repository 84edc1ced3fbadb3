"""The terminal: a calm line per batch, and below them one line that is alive."""

import threading
import time
from types import TracebackType
from typing import Self, TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console as Terminal, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from syncd import events
from syncd.events import Event, Level
from syncd.ui.batches import fitted
from syncd.ui.lines import Line, line
from syncd.ui.output import Clock, local_now, matters
from syncd.ui.status import Status
from syncd.ui.text import took


_COLOURS: dict[Level, str] = {
    "debug": "dim",
    "info": "",
    "warning": "yellow",
    "error": "bold red",
}
_TIME_WIDTH = 10
_UNBOUND = 10_000  # columns of a file
_LONG_S = 2.0  # from then on the status line says how long it has been waiting
_REPEATS = 5  # lines of one kind in a row before the rest are only counted


class Console:
    """Writes for a person; with a status line where the stream is a terminal.

    Args:
        stream: Where to.
        least: The least level that is shown.
        clock: Gives the time of the day that lines begin with.
        width: Columns, where they are not the terminal's own.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        least: Level = "info",
        clock: Clock = local_now,
        width: int | None = None,
    ) -> None:
        self._terminal = Terminal(
            file=stream, width=width, markup=False, emoji=False, highlight=False
        )
        self._least = least
        self._clock = clock
        self._status = Status()
        self._repeats = _Repeats()
        self._alive = _StatusLine(self._terminal, self._status)

    def __enter__(self) -> Self:
        self._alive.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._print_left_out(self._repeats.end())
        self._alive.stop()

    def __call__(self, event: Event) -> None:
        """Report `event`."""
        self._status.see(event)
        said = line(event)
        if matters(said.level, self._least):
            self._print_left_out(self._repeats.before(event))
            if not self._repeats.silent:
                self._say(event, said)
        self._alive.refresh()

    def _say(self, event: Event, said: Line) -> None:
        now = Text(f"{self._clock():%H:%M:%S}", "dim")
        if isinstance(event, events.BatchDone):
            self._print(now, batch(event, self._room))
            return
        colour = _COLOURS[said.level]
        text = Text.assemble(
            (said.subject, colour or "bold"),
            "  ",
            (said.said, "dim" if said.level == "debug" else ""),
        )
        self._print(now, text)
        for each in said.body:
            self._print(Text(), Text(each, "dim"))
        if said.hint and self._repeats.first:
            self._print(Text(), Text.assemble(("hint: ", "cyan"), said.hint))

    @property
    def _room(self) -> int:
        terminal = self._terminal
        return (terminal.width if terminal.is_terminal else _UNBOUND) - _TIME_WIDTH

    def _print_left_out(self, number: int) -> None:
        if number:
            self._print(Text(), Text(f"… and {number:,} more", "dim"))

    def _print(self, margin: Text, text: Text) -> None:
        """Print `text` beside `margin`, and its further lines below its first."""
        if not self._terminal.is_terminal:
            margin.pad_right(_TIME_WIDTH - len(margin))
            self._terminal.print(margin + text, soft_wrap=True)
            return
        row = Table.grid()
        row.add_column(width=_TIME_WIDTH, no_wrap=True)
        row.add_column(overflow="fold")
        row.add_row(margin, text)
        self._terminal.print(row)


def batch(event: events.BatchDone, width: int) -> Text:
    """Return the line of a batch in at most `width` columns."""
    names, facts, detail, total = fitted(event, lambda form: cell_len(form) <= width)
    if (room := width - cell_len(facts + detail + total)) < cell_len(names):
        names = set_cell_size(names, max(room - 1, 1)) + "…"
    return Text.assemble(
        (names, "bold"),
        (facts, "red" if event.failed else ""),
        (detail, "dim"),
        (total, "red" if event.failed else "green"),
    )


class _Repeats:
    """Counts events of one kind in a row, so that the first few stand for all."""

    def __init__(self) -> None:
        self._kind: tuple[object, ...] = ()
        self._number = 0

    @property
    def first(self) -> bool:
        """Whether the last event is not like the one before."""
        return self._number == 1

    @property
    def silent(self) -> bool:
        """Whether the last event is one of many."""
        return self._number > _REPEATS

    def before(self, event: Event) -> int:
        """Take in `event`; return how many before it were only counted."""
        kind = (event.name, getattr(event, "pod", ""), getattr(event, "reason", ""))
        is_path = isinstance(event, events.PathFailed | events.PathSkipped)
        if is_path and kind == self._kind:
            self._number += 1
            return 0
        number = self.end()
        self._kind = kind
        self._number = 1
        return number

    def end(self) -> int:
        """Return how many were only counted, and begin anew."""
        number = max(self._number - _REPEATS, 0)
        self._number = 0
        return number


class _StatusLine:
    """The last line of a terminal. It moves only while something is under way.

    Nothing runs in between: a thread sleeps until there is something to animate.
    """

    def __init__(self, terminal: Terminal, status: Status) -> None:
        self._status = status
        self._drawn = ""
        self._since_s = 0.0
        self._spinner = Spinner("dots", style="yellow")
        self._shown = terminal.is_terminal and not terminal.is_dumb_terminal
        self._live = Live(
            console=terminal,
            auto_refresh=False,
            transient=True,
            get_renderable=self._rendered,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._busy = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._animate, daemon=True)

    def start(self) -> None:
        if self._shown:
            self._live.start()
            self._thread.start()
            self._live.refresh()
            self.refresh()

    def stop(self) -> None:
        if self._shown:
            self._ended.set()
            self._busy.set()
            self._thread.join()
            self._live.stop()

    def refresh(self) -> None:
        # A batch is reported while it is on its way, and drawing costs more than
        # reporting: so what is under way is left to the thread.
        if not self._shown:
            return
        if self._status.busy:
            self._busy.set()
            return
        self._busy.clear()
        if self._status.text() != self._drawn:
            self._live.refresh()

    def _animate(self) -> None:
        while not self._ended.is_set():
            self._busy.wait()
            self._ended.wait(0.125)
            if self._busy.is_set() and not self._ended.is_set():
                self._live.refresh()

    def _rendered(self) -> RenderableType:
        said = self._status.text()
        if said != self._drawn:
            self._drawn, self._since_s = said, time.monotonic()
        waited_s = time.monotonic() - self._since_s
        if self._status.busy and waited_s >= _LONG_S:
            said += f", {took(waited_s * 1000)}"
        text = Text(said, no_wrap=True, overflow="ellipsis")
        if self._status.busy:
            self._spinner.update(text=text)
            return self._spinner
        return Text.assemble(("● ", "green" if self._status.well else "red"), text)

"""The forms in which events are written to standard output."""

import sys
from typing import Literal, TextIO

from syncd.events import Level
from syncd.ui.output import Clock, Output, local_now


Form = Literal["console", "plain", "json"]


def open_output(
    form: Form | None,
    *,
    least: Level = "info",
    clock: Clock = local_now,
    stream: TextIO | None = None,
) -> Output:
    """Return what writes events to standard output.

    Libraries are imported here, so that a form costs only what it uses.

    Args:
        form: Without one it is the console on a terminal, and plain lines elsewhere.
        least: The least level that is shown.
        clock: Gives the time of an event.
        stream: Where to, if that is another file for standard output.
    """
    stream = stream or sys.stdout
    if form is None:
        form = "console" if stream.isatty() else "plain"
    match form:
        case "console":
            from syncd.ui.console import Console  # noqa: PLC0415  # see above

            return Console(stream, least=least, clock=clock)
        case "plain":
            from syncd.ui.plain import Plain  # noqa: PLC0415  # see above

            return Plain(stream, least=least)
        case "json":
            from syncd.ui.jsonlines import JsonLines  # noqa: PLC0415  # see above

            return JsonLines(stream, clock=clock)

"""How syncd tells people and programs what happened."""

import sys
from typing import Literal

from syncd.events import Level
from syncd.ui.output import Output


Form = Literal["console", "plain", "json"]


def open_output(form: Form | None, *, least: Level = "info") -> Output:
    """Return what writes events to standard output.

    Without a `form` it is the console on a terminal, and plain lines elsewhere.
    Libraries are imported here, so that a form costs only what it uses.
    """
    if form is None:
        form = "console" if sys.stdout.isatty() else "plain"
    match form:
        case "console":
            from syncd.ui.console import Console  # noqa: PLC0415  # see above

            return Console(sys.stdout, least=least)
        case "plain":
            from syncd.ui.plain import Plain  # noqa: PLC0415  # see above

            return Plain(sys.stdout, least=least)
        case "json":
            from syncd.ui.jsonlines import JsonLines  # noqa: PLC0415  # see above

            return JsonLines(sys.stdout)

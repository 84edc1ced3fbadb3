"""The last thing that syncd says when a command fails."""

import datetime as dt
import os
import sys
import tempfile
import traceback
from pathlib import Path

from syncd.errors import ConfigError, SyncdError
from syncd.state import state_folder
from syncd.ui.text import safe


def report(error: Exception, *, form: str | None = None, debug: bool = False) -> int:
    """Say what went wrong, and return the exit code.

    It is said once: as the last event where standard output carries JSON, else on
    standard error. A traceback is shown only with `debug`; that of a failure which
    nobody foresaw is kept in a file.
    """
    if isinstance(error, SyncdError):
        message, hint, code = str(error), error.hint, error.exit_code
    else:
        message = f"syncd failed in a way that it should not: {_named(error)}"
        hint, code = _keep(error), 1
    if debug:
        traceback.print_exception(error)
    if form == "json":
        from syncd.events import Failed  # noqa: PLC0415  # only where needed
        from syncd.ui.jsonlines import JsonLines  # noqa: PLC0415

        JsonLines(sys.stdout)(Failed(message=message, hint=hint))
    else:
        _say("error", message)
        _say("hint", hint)
    return code


def _say(word: str, text: str) -> None:
    if text:
        lines = "\n".join(safe(line) for line in text.splitlines())
        sys.stderr.write(f"{word}: {lines}\n")


def _named(error: Exception) -> str:
    said = str(error).partition("\n")[0]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__


def _keep(error: Exception) -> str:
    """Write the traceback to a file; return a sentence that says where it is."""
    text = "".join(traceback.format_exception(error))
    now = dt.datetime.now().astimezone()
    name = f"syncd-{now:%Y%m%d-%H%M%S}-{os.getpid()}.log"
    for place in (state_folder, lambda: Path(tempfile.gettempdir())):
        try:
            path = place() / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8", "backslashreplace")
        except (OSError, ConfigError):
            continue
        return f"the traceback is in {path}; please report it"
    return "set SYNCD_DEBUG=1 to see the traceback; please report it"

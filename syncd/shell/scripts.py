"""The scripts, as text."""

from functools import cache
from importlib.resources import files


_BASES = {"probe": ("here",), "batch": ("here",)}


@cache
def script(name: str) -> str:
    """Return the script `name` without its comments, which need not travel."""
    text = (files(__package__) / f"{name}.sh").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(lines) + "\n"


def command(name: str, *arguments: str, session: str = "") -> tuple[str, ...]:
    """Return the command that runs the script `name`, after those that it builds on.

    It bears `session` in its command line, by which a later probe finds and ends it.
    """
    mark = f"syncd-{session}" if session else "sh"
    text = "".join(map(script, (*_BASES.get(name, ()), name)))
    return ("sh", "-c", text, mark, *arguments)

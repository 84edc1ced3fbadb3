"""The scripts, as text."""

from functools import cache
from importlib.resources import files


@cache
def script(name: str) -> str:
    """Return the script `name` without its comments, which need not travel."""
    text = (files(__package__) / f"{name}.sh").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(lines) + "\n"


def command(name: str, *arguments: str, session: str = "") -> tuple[str, ...]:
    """Return the command that runs the script `name`.

    It bears `session` in its command line, by which a later probe finds and ends it.
    """
    mark = f"syncd-{session}" if session else "sh"
    return ("sh", "-c", script(name), mark, *arguments)

"""The scripts, as text."""

from functools import cache
from importlib.resources import files


@cache
def script(name: str) -> str:
    """Return the script `name` without its comments, which need not travel."""
    text = (files(__package__) / f"{name}.sh").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return "\n".join(lines) + "\n"


def command(name: str, *arguments: str) -> tuple[str, ...]:
    """Return the command that runs the script `name`."""
    return ("sh", "-c", script(name), "sh", *arguments)

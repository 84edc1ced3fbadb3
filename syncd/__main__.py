"""The command `syncd`, also as `python -m syncd`."""

import io
import os
import sys

from syncd.cli import cli


def main() -> None:
    """Run the command that the arguments name."""
    _complete_streams()
    _complete_home()
    cli(prog_name="syncd")


def _complete_streams() -> None:
    """Let everything be written to the standard streams.

    One that was closed becomes the null device: else the next file that is opened would
    take its place. What the encoding lacks is written as an escape.
    """
    while (null := os.open(os.devnull, os.O_RDWR)) <= 2:  # it is the lowest free number
        os.set_inheritable(null, True)  # noqa: FBT003  # its only form
    os.close(null)
    sys.stdin = sys.stdin or os.fdopen(0)
    sys.stdout = sys.stdout or os.fdopen(1, "w")
    sys.stderr = sys.stderr or os.fdopen(2, "w")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _complete_home() -> None:
    """Give a user whom the system does not know the home that containers give it.

    Else libraries fail when they are imported, and `~` is a folder like any other.
    """
    if os.path.expanduser("~") == "~":  # noqa: PTH111  # pathlib would raise
        os.environ["HOME"] = "/"


if __name__ == "__main__":
    main()

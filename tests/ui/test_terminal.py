"""The console on a real terminal."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path


ROOT = Path(__file__).parents[2]
PROGRAM = """
from syncd.ui import forms
from tests.ui.samples import EVENTS

with forms.open_output(None) as emit:
    for event in EVENTS:
        emit(event)
"""
CONTROL = re.compile(r"\x1b\[[?\d;]*[A-Za-z]|\r")
COLOUR = re.compile(r"\x1b\[[\d;]*3\d[\d;]*m")


def on_terminal(columns: int, **environ: str) -> str:
    """Return what the console writes to a terminal of that width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color", **environ},
        stdin=subprocess.DEVNULL,
        stdout=theirs,
    )
    os.close(theirs)
    written = b""
    # Reading fails once the other side of a terminal is closed.
    with contextlib.suppress(OSError):
        while data := os.read(ours, 65536):
            written += data
    os.close(ours)
    assert process.wait(10) == 0
    return written.decode()


def test_the_console_lives_on_a_terminal_and_leaves_it_as_it_was() -> None:
    written = on_terminal(72)

    text = CONTROL.sub("", written)
    assert "replica in step" in text or "on the way" in text
    assert "main.py  1 file, 2.1 KiB  → 3 replicas   15 ms" in text
    assert all(line.isprintable() for line in text.splitlines())
    assert COLOUR.search(written)
    assert written.rfind("\x1b[?25h") > written.rfind("\x1b[?25l") >= 0


def test_no_color_is_honoured() -> None:
    assert not COLOUR.search(on_terminal(72, NO_COLOR="1"))


def test_a_dumb_terminal_gets_lines_only() -> None:
    written = on_terminal(72, TERM="dumb")

    assert "\x1b" not in written
    assert "main.py" in written

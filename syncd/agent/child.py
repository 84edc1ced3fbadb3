"""Work that a process of its own does, so that it holds up no batch."""

from __future__ import annotations

import json
import os
import signal


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from syncd.agent.link import Wire

PIECE = 64 << 10
HIGHEST_FD = 1024


def apart(wire: Wire, work: Callable[[], Any], tell: Callable[[Any], None]) -> None:
    """Have a child do `work`, and `tell` what it returned: None if it was ended.

    Raises:
        OSError: If there can be no child.
    """
    reader, writer = os.pipe()
    try:
        pid = os.fork()
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    if not pid:
        be_child(writer, work)
    os.close(writer)
    said = bytearray()

    def hear() -> None:
        data = os.read(reader, PIECE)
        if data:
            said.extend(data)
            return
        del wire.aside[reader]
        os.close(reader)
        os.waitpid(pid, 0)
        tell(json.loads(said.decode()) if said else None)

    wire.aside[reader] = hear


def be_child(writer: int, work: Callable[[], Any]) -> None:
    """Do `work`, tell by the pipe, and end; never return into the agent."""
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        nothing = os.open(os.devnull, os.O_RDWR)
        for number in range(3):  # the stream is to end with the agent
            os.dup2(nothing, number)
        os.closerange(3, writer)
        os.closerange(writer + 1, HIGHEST_FD)
        os.write(writer, json.dumps(work()).encode())
    finally:
        os._exit(0)

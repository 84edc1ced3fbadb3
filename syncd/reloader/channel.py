"""What the processes say to each other: JSON, with descriptors."""

# ruff: noqa: ANN401 - the values are JSON
from __future__ import annotations

import array
import contextlib
import json
import os
import selectors
import socket


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


PIECE = 500  # names in one message
PATIENCE_S = 1.0  # with one that does not read what it is told


class Channel:
    """One end of a pair: whole messages, each with the descriptors that it carries."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.fileno = sock.fileno
        self.close = sock.close

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Return the two ends of a new channel."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(one), cls(other)

    def send(self, op: str, fds: Iterable[int] = (), **fields: Any) -> bool:
        """Send one message. False: the peer is gone, which its end will tell."""
        rights = array.array("i", fds)
        extra = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if rights else []
        text = json.dumps({"op": op, **fields}, ensure_ascii=False)
        try:
            self.sock.sendmsg([text.encode(errors="surrogatepass")], extra)
        except OSError:
            return False
        return True

    def send_names(self, op: str, names: Iterable[Any]) -> None:
        """Send any number of names, in messages of a size that passes."""
        rest = list(names)
        for i in range(0, len(rest), PIECE):
            self.send(op, names=rest[i : i + PIECE])

    def receive(self) -> dict[str, Any]:
        """Return the next message, its descriptors as `fds`; "ended" is the last."""
        size = socket.CMSG_SPACE(250 * array.array("i").itemsize)
        flags = socket.MSG_CMSG_CLOEXEC
        try:
            data, extra, _, _ = self.sock.recvmsg(1 << 18, size, flags)
        except OSError:
            data, extra = b"", []
        fds = array.array("i")
        for _, _, rights in extra:
            fds.frombytes(rights)
        message = json.loads(data) if data else {"op": "ended"}
        return {**message, "fds": list(fds)}

    def has_input(self) -> bool:
        """Tell whether `receive` would return at once."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.sock, selectors.EVENT_READ)
            return bool(selector.select(0))


def say(text: str) -> None:
    """Print a line for the person who reads the program's log, if there is one."""
    line = f"syncd-reloader: {text}\n"
    with contextlib.suppress(OSError):  # sys.stderr would keep what it cannot write
        os.write(2, line.encode(errors="backslashreplace"))

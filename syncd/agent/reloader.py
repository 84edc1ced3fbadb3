"""The warm reloader, where the program runs under one: it is told what landed.

It never waits. A reloader that does not take what it is told is given up, and looked
for again with the next batch; a batch that it has not answered then is `lost`, and the
session goes by the program's log.
"""

from __future__ import annotations

import json
import os
import stat
import sys
from contextlib import suppress

from syncd.agent.scratch import in_container


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from socket import socket

    from syncd.agent.link import Wire

SOCKET_ENV = "SYNCD_RELOADER_SOCKET"
ROOMS = ("/tmp", "/dev/shm")  # noqa: S108 - whose it is, is looked at
LONGEST_ORDER = 64 << 10  # fits in any socket's buffer; beyond it, no paths are named
LONGEST_ANSWER = 1 << 20
MOST_OWED = 64  # answers that a reloader may owe
PIECE = 64 << 10
FACTS = ("generation", "steps", "traceback", "file", "line", "code", "reason")


class Reloader:
    """The line to the reloader of this container, if one runs.

    Attributes:
        owed: The batches that it has not answered.
    """

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.owed: set[int] = set()
        self.sock: socket | None = None
        self.inbox = b""

    def find(self) -> None:
        """Connect, unless that is done: from then on it does not watch by itself."""
        for path in socket_paths():
            if self.sock is None:
                self.sock = connect(path)
                if self.sock is not None:
                    self.wire.aside[self.sock.fileno()] = self.hear
                    self._say({"op": "drive"})

    def tell(self, batch: int, changed: Iterable[str], deleted: Iterable[str]) -> bool:
        """Say that a batch has landed. Returns whether an answer will be sent on."""
        order = {"changed": list(changed), "deleted": list(deleted)}
        if not any(order.values()):
            return False
        return self._order({"op": "batch", "id": batch, **order})

    def force(self) -> None:
        """Say that anything may have changed."""
        self._order({"op": "batch", "id": None, "force": True})

    def _order(self, order: dict[str, object]) -> bool:
        for _ in range(2):  # the first may be the one that was there before
            self.find()
            if self._say(order):
                break
        batch = order["id"]
        if self.sock is not None and isinstance(batch, int):
            self.owed.add(batch)
        return self.sock is not None

    def _say(self, order: dict[str, object]) -> bool:
        if self.sock is None:
            return False
        data = json.dumps(order).encode() + b"\n"
        if len(data) > LONGEST_ORDER:
            return self._say({"op": "batch", "id": order["id"], "force": True})
        with suppress(OSError):
            if len(self.owed) < MOST_OWED and self.sock.send(data) == len(data):
                return True
        self._lose()
        return False

    def hear(self) -> None:
        """Send on what it answers."""
        assert self.sock is not None
        data = b""
        with suppress(OSError):
            data = self.sock.recv(PIECE)
        *lines, self.inbox = (self.inbox + data).split(b"\n")
        try:
            for line in lines:
                self._send_on(json.loads(line.decode()))
        except (ValueError, AttributeError):  # no reloader of ours
            data = b""
        if not data or len(self.inbox) > LONGEST_ANSWER:
            self._lose()

    def _send_on(self, answer: dict[str, object]) -> None:
        batch = answer.get("id")
        if isinstance(batch, int) and batch in self.owed:
            self.owed.discard(batch)
            facts = {key: answer[key] for key in FACTS if key in answer}
            self.wire.send(op="reloaded", id=batch, verdict=answer.get("op"), **facts)

    def _lose(self) -> None:
        if self.sock is not None:
            del self.wire.aside[self.sock.fileno()]
            self.sock.close()
        self.sock, self.inbox = None, b""
        while self.owed:
            self.wire.send(op="reloaded", id=self.owed.pop(), verdict="lost")


def socket_paths() -> list[str]:
    """Return where the reloader's socket may be, as the reloader would choose it."""
    given = os.environ.get(SOCKET_ENV)
    name = f"/.syncd-reloader-{os.getuid()}.sock"
    return [given] if given else [in_container(room) + name for room in ROOMS]


def connect(path: str) -> socket | None:
    """Connect to a reloader of our own user, in our own container."""
    try:
        found = os.lstat(path)
    except OSError:
        return None
    if found.st_uid != os.getuid() or not stat.S_ISSOCK(found.st_mode):
        return None
    import socket  # noqa: PLC0415 - 5 ms that most sessions never need

    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(0)
    with suppress(OSError):
        sock.connect(path)
        who = sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        pid, uid = (int.from_bytes(who[i : i + 4], sys.byteorder) for i in (0, 4))
        if pid and uid == os.getuid():  # pid 0: of another container
            return sock
    sock.close()
    return None

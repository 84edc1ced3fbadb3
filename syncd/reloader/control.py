"""The control socket: JSON lines, for processes of the same user."""

# ruff: noqa: ANN401, PTH108 - the values are JSON; no pathlib
from __future__ import annotations

import array
import contextlib
import errno
import functools
import json
import os
import socket

from syncd.reloader.channel import PATIENCE_S, say
from syncd.reloader.reactor import Reactor
from syncd.reloader.supervisor import Supervisor


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


SOCKET_ENV = "SYNCD_RELOADER_SOCKET"
LONGEST_LINE = 1 << 24


def socket_paths() -> list[str]:
    """Return where the control socket may be, the best place first."""
    given = os.environ.get(SOCKET_ENV)
    name = f".syncd-reloader-{os.getuid()}.sock"
    return [given] if given else [f"/tmp/{name}", f"/dev/shm/{name}"]  # noqa: S108


def connect(path: str) -> socket.socket | None:
    """Return a connection to the control socket of this user's reloader, if it runs."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(OSError):
        sock.connect(path)
        if _is_one_of_us(sock):
            return sock
    sock.close()
    return None


def _is_one_of_us(sock: socket.socket) -> bool:
    """Tell whether the peer is of the same user, and in the same container."""
    who = array.array("i")  # pid, uid, gid
    who.frombytes(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
    return who[0] != 0 and who[1] == os.getuid()


def _is_abandoned(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        return sock.connect_ex(path) == errno.ECONNREFUSED


class Control:
    """Listens for those who drive the supervisor, or ask it."""

    def __init__(self, supervisor: Supervisor, reactor: Reactor) -> None:
        self.supervisor = supervisor
        self.reactor = reactor
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        given = supervisor.options.socket
        self.path = next(filter(self._bind, [given] if given else socket_paths()), "")
        if self.path:
            reactor.on_input(self.sock, self._accept)
        else:
            say("no control socket: there is no place for one, or it is taken")

    def _bind(self, path: str) -> bool:
        mask = os.umask(0o177)
        try:
            if _is_abandoned(path):  # by one that was killed
                os.unlink(path)
            self.sock.bind(path)
            self.sock.listen()
        except OSError:
            return False
        finally:
            os.umask(mask)
        return True

    def _accept(self) -> None:
        sock, _ = self.sock.accept()
        if _is_one_of_us(sock):
            Client(self.supervisor, self.reactor, sock)
        else:
            sock.close()

    def close(self) -> None:
        """Leave nothing behind."""
        if self.path:
            with contextlib.suppress(OSError):
                os.unlink(self.path)


class Client:
    """A connection to the control socket.

    Attributes:
        drives: It reports edits, so that nobody else has to notice them.
    """

    def __init__(
        self, supervisor: Supervisor, reactor: Reactor, sock: socket.socket
    ) -> None:
        self.supervisor = supervisor
        self.reactor = reactor
        self.sock = sock
        self.data = b""
        self.drives = False
        sock.settimeout(PATIENCE_S)
        reactor.on_input(sock, self._on_input)

    def send(self, op: str, **fields: Any) -> None:
        """Tell it something, if it is still there."""
        try:
            self.sock.sendall((json.dumps({"op": op, **fields}) + "\n").encode())
        except OSError:  # it is not, or does not read: and may have half a line now
            self._close()

    def _on_input(self) -> None:
        data = b""
        with contextlib.suppress(OSError):
            data = self.sock.recv(1 << 16)
        if not data or len(self.data) > LONGEST_LINE:
            self._close()
            return
        *lines, self.data = (self.data + data).split(b"\n")
        for line in lines:
            if self.sock.fileno() < 0:
                return
            try:
                self._obey(json.loads(line))
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                self.send("error", message=f"{type(error).__name__}: {error}")

    def _obey(self, message: dict[str, Any]) -> None:
        op, supervisor = message["op"], self.supervisor
        if op == "batch":
            self._batch(message.get("id"), message)
        elif op == "drive":
            self._drive()
        elif op == "status":
            self.send(op, **described(supervisor))
        elif op == "explain":
            self.send(op, **supervisor.warming.explain())
        else:
            self.send("error", message=f"no such op: {op}")

    def _batch(self, batch: Any, message: dict[str, Any]) -> None:
        supervisor = self.supervisor
        self._drive()
        paths = [*message.get("changed", ()), *message.get("deleted", ())]
        if supervisor.declined:
            self.send("declined", id=batch, reason=supervisor.declined)
        elif message.get("force") or _is_reason_to_reload(supervisor, paths):
            supervisor.watch.take_in(paths)
            supervisor.reload(functools.partial(self.send, id=batch))
        else:
            number = supervisor.serving.number if supervisor.serving else 0
            self.send("kept", id=batch, generation=number)

    def _drive(self) -> None:
        if not self.drives:
            self.drives = True
            self.supervisor.watch.paused += 1

    def _close(self) -> None:
        if self.sock.fileno() < 0:
            return
        self.reactor.forget(self.sock)
        self.sock.close()
        if self.drives:
            self.supervisor.watch.resume()


def _is_reason_to_reload(supervisor: Supervisor, paths: list[str]) -> bool:
    """Tell whether a change of these files can change what is served."""
    now, count = supervisor.serving, supervisor.succession.count
    # Unless one that came after it has read something else.
    knows = now is not None and now.learned and now.number == count
    return not knows or any(map(supervisor.watch.matters, paths))


def described(supervisor: Supervisor) -> dict[str, Any]:
    """Return what `status` answers."""
    serving, succession = supervisor.serving, supervisor.succession
    warming = supervisor.warming
    starting = any(g.state == "starting" for g in succession.generations)
    return {
        "command": supervisor.options.command,
        "generation": serving.number if serving else 0,
        "pid": serving.pid if serving else 0,
        "learned": bool(serving and serving.learned),
        "starting": starting,
        "generations": len(succession.generations),
        "declined": supervisor.declined,
        "warm": warming.current.modules,
        "warm_pid": warming.current.pid,
        "loading": warming.candidate is not None,
        "listening": succession.shelf.addresses(),
        "watching": supervisor.watch.watched(),
        "last": succession.last,
    }

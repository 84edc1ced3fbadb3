"""Listening sockets, which outlive the generations that bind them."""

# ruff: noqa: ANN401 - an address is what the socket module takes for one
from __future__ import annotations

import contextlib
import errno
import json
import os
import socket

from syncd.reloader.channel import Channel


TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


INTERNET = (socket.AF_INET, socket.AF_INET6)


class NotHere(Exception):
    """A family of addresses that this machine does not have."""


class Listeners:
    """The sockets of earlier generations, for the program to find when it binds.

    Attributes:
        held: Those that nobody has bound again yet, by address.
        bound: The addresses that were bound here, by descriptor, until it listens.
    """

    def __init__(self, channel: Channel, held: Iterable[tuple[str, int]]) -> None:
        self.channel = channel
        self.pid = os.getpid()
        self.bound: dict[int, str] = {}
        self.held: dict[str, list[int]] = {}
        for key, fd in held:
            self.held.setdefault(key, []).append(fd)

    def attach(self) -> None:
        """Let binding an address take over the socket of an earlier generation."""
        plain_bind, plain_listen = socket.socket.bind, socket.socket.listen

        def bind(sock: socket.socket, address: Any) -> None:
            stream = sock.family in INTERNET and sock.type == socket.SOCK_STREAM
            if not stream or self.are_elsewhere():
                plain_bind(sock, address)
            elif not self._take(sock, address):
                plain_bind(sock, address)
                self.bound[sock.fileno()] = _key(sock.family, address)

        def listen(sock: socket.socket, *backlog: int) -> None:
            plain_listen(sock, *backlog)
            key = self.bound.pop(sock.fileno(), None)
            if key is not None and not self.are_elsewhere():
                self.channel.send("hold", [sock.fileno()], key=key)

        socket.socket.bind = bind  # type: ignore[method-assign,assignment]
        socket.socket.listen = listen  # type: ignore[method-assign,assignment]

    def are_elsewhere(self) -> bool:
        """Tell whether this is a process that the program forked, or is given up."""
        return os.getpid() != self.pid

    def give_up(self) -> None:
        """Have nothing to do with the program's sockets any more."""
        self.pid = 0

    def _take(self, sock: socket.socket, address: Any) -> bool:
        fds = self.held.get(_key(sock.family, address))
        if not fds:
            return False
        fd = fds.pop(0)
        os.dup2(fd, sock.fileno(), inheritable=False)
        os.close(fd)
        return True

    def bind_ahead(self, host: Any, port: Any) -> None:
        """Bind all of an address now, so that after `ready` nothing can fail any more.

        Raises:
            OSError: As the program's own attempt is going to.
        """
        for family, address in _addresses(host, port):
            key = _key(family, address)
            if not self.held.get(key) and not self.are_elsewhere():
                with contextlib.suppress(NotHere):
                    sock = _bind(family, address)
                    sock.listen()
                    self.held[key] = [sock.detach()]

    def listen_ahead(self) -> None:
        """Listen on what is bound, so that from now on nobody is refused."""
        for fd in list(self.bound):
            # It may be something else by now, or nothing.
            with contextlib.suppress(OSError), socket.socket(fileno=os.dup(fd)) as sock:
                # As servers do, and not who keeps a port or is going to connect from it.
                if sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR):
                    sock.listen()

    def bind_all(self, host: Any, port: Any) -> list[socket.socket]:
        """Return sockets that are bound to all of an address.

        Raises:
            OSError: If one cannot be.
        """
        found = []
        for family, address in _addresses(host, port):
            with contextlib.suppress(NotHere):
                found.append(_bind(family, address))
        return found

    def unused(self) -> list[str]:
        """Return the addresses that earlier generations bound, and this one did not."""
        return [key for key, fds in self.held.items() for _ in fds]


def _key(family: int, address: Any) -> str:
    return json.dumps([int(family), address], default=lambda host: bytes(host).decode())


def _addresses(host: Any, port: Any) -> list[tuple[int, Any]]:
    hosts = [host or None] if host is None or isinstance(host, str) else host
    kind, flags = socket.SOCK_STREAM, socket.AI_PASSIVE
    found = []
    for one in hosts:
        infos = socket.getaddrinfo(one, port, type=kind, flags=flags)
        found += [(info[0], info[4]) for info in infos]
    return list(dict.fromkeys(found))


def _bind(family: int, address: Any) -> socket.socket:
    try:
        with contextlib.ExitStack() as stack:
            sock = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind(address)
            stack.pop_all()
    except OSError as error:
        if error.errno in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
            raise NotHere from error
        raise
    return sock

"""A TCP line to the API server that a test can break."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Self
from urllib.parse import urlsplit

from tests.cluster.kube import Kube


CHUNK = 64 * 1024


class _Link:
    """One connection through the line."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self.ends = (client, server)
        self.flowing = threading.Event()
        self.flowing.set()
        self.dead = False

    def cut(self) -> None:
        """End the connection at both ends, with whatever is on its way."""
        self.flowing.set()
        for end in self.ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def forsake(self) -> None:
        """End the connection for the client; the server learns of it in its turn."""
        with suppress(OSError):
            self.ends[0].shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        for end in self.ends:
            end.close()


class Line:
    """Passes connections on to a server, until it is told not to.

    Attributes:
        address: Where it listens.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = "{}:{}".format(*self._listener.getsockname())
        self._links: list[_Link] = []
        self._refusing = False
        self._sent = 0
        self._progress = threading.Condition()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @classmethod
    def to_the_api_server(cls, kube: Kube) -> Self:
        """Return a line to where the current context points."""
        server = kube("config", "view", "--minify", "-o", "jsonpath={..server}")
        url = urlsplit(server)
        return cls(url.hostname or "", url.port or 443)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(10)
        for link in self._links:
            link.close()

    def cut(self) -> None:
        """Break every connection there is."""
        for link in list(self._links):
            link.cut()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Break every connection, and refuse new ones meanwhile."""
        self._refusing = True
        self.cut()
        try:
            yield
        finally:
            self._refusing = False

    @contextmanager
    def stalled(self) -> Iterator["Line"]:
        """Hold back what goes through the connections there are; deliver it late."""
        links = list(self._links)
        for link in links:
            link.flowing.clear()
        try:
            yield self
        finally:
            for link in links:
                link.flowing.set()

    def forsake(self) -> None:
        """End every connection for the clients; what they sent still arrives."""
        for link in list(self._links):
            link.forsake()

    def half_open(self) -> None:
        """Lose what goes through the connections there are; nobody is told."""
        for link in list(self._links):
            link.dead = True

    def carried(self, size: int, timeout_s: float = 30.0) -> None:
        """Wait until that many more bytes went to the server."""
        with self._progress:
            goal = self._sent + size
            assert self._progress.wait_for(lambda: self._sent >= goal, timeout_s)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._refusing:
                client.close()
                continue
            link = _Link(client, socket.create_connection(self._server))
            self._links.append(link)
            for source, sink in (link.ends, link.ends[::-1]):
                thread = threading.Thread(
                    target=self._pump, args=(link, source, sink), daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _pump(self, link: _Link, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(CHUNK):
                link.flowing.wait()
                if link.dead:
                    continue
                sink.sendall(data)
                if sink is link.ends[1]:
                    self._count(len(data))
            if not link.dead:
                sink.shutdown(socket.SHUT_WR)
        except OSError:
            link.cut()

    def _count(self, size: int) -> None:
        with self._progress:
            self._sent += size
            self._progress.notify_all()

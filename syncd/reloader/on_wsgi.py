"""The servers of Flask, Django and the standard library."""

# ruff: noqa: ANN401, SLF001 - servers of any kind, by the names that they have
from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading

from syncd.reloader.generation import Generation
from syncd.reloader.on_loops import on_main_thread


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def attach_werkzeug(module: Any, _: Generation) -> None:
    """Run what Flask's own reloader would run in a process of its own."""
    module.run_with_reloader = lambda main, *_, **__: main()


def attach_django(module: Any, _: Generation) -> None:
    """Run what Django's own reloader would run in a process of its own."""
    module.run_with_reloader = lambda main, *args, **options: main(*args, **options)


def attach_socketserver(module: Any, generation: Generation) -> None:
    """Wait at the gate before the main thread serves for ever, and see that it ends."""
    plain = module.BaseServer.serve_forever

    def serve_forever(server: Any, poll_interval: float = 0.5) -> None:
        if generation.ready or not on_main_thread():
            plain(server, poll_interval)
        elif generation.gate():
            generation.learn()
            handler = server.RequestHandlerClass
            if hasattr(handler, "handle_one_request"):
                server.RequestHandlerClass = _patient(handler, generation)
            _serve(server, generation, poll_interval)
            _answer_the_rest(server, generation)

    module.BaseServer.serve_forever = serve_forever


def _serve(server: Any, generation: Generation, poll_s: float) -> None:
    # Two generations may wait on one socket: accepting must block in neither.
    server.socket.settimeout(0)
    with selectors.DefaultSelector() as selector:
        selector.register(server.fileno(), selectors.EVENT_READ)
        selector.register(generation.channel.fileno(), selectors.EVENT_READ)
        while not server._BaseServer__shutdown_request and not generation.leaving:
            for key, _ in selector.select(poll_s):
                if key.fd == server.fileno():
                    server._handle_request_noblock()
                elif _has_to_leave(generation.channel.receive()):
                    generation.leave()
            server.service_actions()


def _has_to_leave(message: dict[str, Any]) -> bool:
    for fd in message[
        "fds"
    ]:  # a connection of uvicorn's, by which this goes on no more
        os.close(fd)
    return message["op"] in ("drain", "ended")


def _answer_the_rest(server: Any, generation: Generation) -> None:
    for sock in list(getattr(server.RequestHandlerClass, "waiting", ())):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RD)
    answer = getattr(server, "process_request_thread", None)
    for thread in threading.enumerate():
        if answer is not None and getattr(thread, "_target", None) == answer:
            thread.join(generation.left_s())


def _patient(handler: Any, generation: Generation) -> Any:
    """Return a handler that knows which connections wait for another request."""
    connections: set[socket.socket] = set()

    class Patient(handler):  # type: ignore[misc]  # any of them
        waiting = connections

        def parse_request(self) -> Any:
            self.waiting.discard(self.connection)
            return super().parse_request()

        def handle_one_request(self) -> None:
            super().handle_one_request()
            if generation.leaving:
                self.close_connection = True
            elif not self.close_connection:
                self.waiting.add(self.connection)

        def finish(self) -> None:
            self.waiting.discard(self.connection)
            super().finish()

    return Patient

"""Event loops: where the servers of asyncio and uvloop start to listen."""

# ruff: noqa: ANN401 - loops and servers of any kind
from __future__ import annotations

import functools
import signal
import socket
import threading

from syncd.reloader.generation import Generation


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


GRACE_S = 0.1  # for who connected just now, and has yet to ask


def attach_asyncio(module: Any, generation: Generation) -> None:
    """Wait at the gate with the first server of an asyncio loop."""
    _attach(module.BaseEventLoop, generation, binds_in_c=False)


def attach_uvloop(module: Any, generation: Generation) -> None:
    """Wait at the gate with the first server of a uvloop loop."""
    _attach(module.Loop, generation, binds_in_c=True)


def _attach(cls: Any, generation: Generation, *, binds_in_c: bool) -> None:
    plain, listeners = cls.create_server, generation.listeners

    async def create_server(
        loop: Any, factory: Any, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        given = options.get("sock") is not None
        if not given:
            try:
                listeners.bind_ahead(host, port)
            except OSError:  # for the program itself to meet, and to tell
                return await plain(loop, factory, host, port, **options)
        if not generation.own_gate and on_main_thread() and not generation.ready:
            if not generation.gate():
                raise SystemExit(0)
            attend(loop, generation)
        if given or not binds_in_c or listeners.are_elsewhere():
            made = [await plain(loop, factory, host, port, **options)]
        else:
            socks = listeners.bind_all(host, port)
            made = [await plain(loop, factory, sock=sock, **options) for sock in socks]
        generation.servers += made
        return made[0]

    cls.create_server = create_server


def on_main_thread() -> bool:
    """Tell whether this is the thread that a program's main server runs in."""
    return threading.current_thread() is threading.main_thread()


def attend(loop: Any, generation: Generation) -> None:
    """Listen to the supervisor from the program's own event loop."""
    on_message = functools.partial(_on_message, loop, generation)
    loop.add_reader(generation.channel.fileno(), on_message)
    loop.call_later(0.1, generation.learn)


def _on_message(loop: Any, generation: Generation) -> None:
    message = generation.channel.receive()
    if message["op"] == "ended":  # and with it the supervisor
        loop.remove_reader(generation.channel.fileno())
    if message["op"] in ("drain", "ended") and not generation.leaving:
        _leave(loop, generation)
    elif message["op"] == "connection":
        sock = socket.socket(fileno=message["fds"][0])
        if len(generation.uvicorns) == 1:
            generation.uvicorns[0].adopt(loop, sock)
        else:
            sock.close()


def _leave(loop: Any, generation: Generation) -> None:
    if not generation.servers:  # it may go since just now, and has yet to listen
        loop.call_later(GRACE_S / 10, _leave, loop, generation)
        return
    _stop_accepting(loop, generation.servers)
    generation.leave()
    for server in generation.uvicorns:
        server.leave()
    if not generation.uvicorns:
        loop.call_later(GRACE_S, _end, loop, generation)


def _stop_accepting(loop: Any, servers: list[Any]) -> None:
    for server in servers:
        if not _is_asyncio(loop):
            server.close()
            continue
        # To close it would end `serve_forever`, and drop what was accepted just now.
        for sock in server.sockets:
            loop.remove_reader(sock.fileno())


def _end(loop: Any, generation: Generation) -> None:
    """End by SIGTERM; where that would be abrupt, when all have been answered."""
    abrupt = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if abrupt and generation.left_s() and any(map(_connections, generation.servers)):
        loop.call_later(GRACE_S / 10, _end, loop, generation)
    else:
        generation.ask_to_end()


def _is_asyncio(loop: Any) -> bool:
    return type(loop).__module__.startswith("asyncio.")


def _connections(server: Any) -> int:
    """Return how many connections a server of asyncio has; uvloop's does not say."""
    clients = getattr(server, "_clients", None)  # since Python 3.13
    return getattr(server, "_active_count", 0) if clients is None else len(clients)

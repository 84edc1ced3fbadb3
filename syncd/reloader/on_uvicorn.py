"""uvicorn: its own reloading, its start, its end, and its connections."""

# ruff: noqa: ANN401, PLC0415 - uvicorn's objects; and asyncio is loaded by then, or never
from __future__ import annotations

import functools
import os
import sys

from syncd.reloader.generation import Generation
from syncd.reloader.on_loops import GRACE_S, attend


TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from typing import Any


ONE_AT_A_TIME = ("H11Protocol", "HttpToolsProtocol", "ZttpProtocol")  # HTTP/1.1


def attach_uvicorn_config(module: Any, generation: Generation) -> None:
    """Take uvicorn's own reloading out of its settings."""
    plain = module.Config.__init__

    @functools.wraps(plain)
    def init(config: Any, *args: Any, **options: Any) -> None:
        if options.get("reload"):
            options.update(reload=False, workers=1)
        folders = options.pop("reload_dirs", None) or []
        folders = [folders] if isinstance(folders, str) else folders
        generation.folders.update(map(os.path.abspath, folders))
        options.pop("reload_includes", None)
        options.pop("reload_excludes", None)
        plain(config, *args, **options)
        if config.uds:
            generation.decline("uvicorn listens on a unix socket")

    module.Config.__init__ = init


def attach_uvicorn_workers(module: Any, generation: Generation) -> None:
    """Let uvicorn's workers be: each of them is a fresh interpreter."""
    plain = module.Multiprocess.run

    def run(supervisor: Any) -> Any:
        generation.decline(f"uvicorn runs {supervisor.config.workers} workers")
        return plain(supervisor)

    module.Multiprocess.run = run


def attach_uvicorn_server(module: Any, generation: Generation) -> None:
    """Wait at the gate when the lifespan has started; leave by way of `should_exit`."""
    plain_startup, plain_shutdown = module.Server.startup, module.Server.shutdown

    async def startup(server: Any, sockets: Any = None) -> None:
        if not generation.ready:
            generation.imported()
            generation.own_gate = True
        if not generation.ready or generation.uvicorns:
            Uvicorn(server, generation).wait_at_the_gate(binds=sockets is None)
        await plain_startup(server, sockets=sockets)

    async def shutdown(server: Any, sockets: Any = None) -> None:
        import asyncio

        if generation.forks:  # there is nobody to hand over to
            for listener in server.servers:
                listener.close()
            generation.channel.send("stopped")
            await asyncio.sleep(GRACE_S)
        elif not generation.leaving and len(generation.uvicorns) == 1:
            generation.channel.send("stopped")  # it ends, rather than to make way
        for mine in generation.uvicorns:
            if mine.server is server and generation.leaving:
                await mine.hand_over_the_rest()
                server.config.timeout_graceful_shutdown = generation.left_s()
        await plain_shutdown(server, sockets=sockets)

    module.Server.startup, module.Server.shutdown = startup, shutdown


class Uvicorn:
    """A server of uvicorn's in a generation."""

    def __init__(self, server: Any, generation: Generation) -> None:
        self.server = server
        self.generation = generation
        self.loop: Any = None
        config = server.config
        config.http_protocol_class = _tracked(config.http_protocol_class, self)

    def wait_at_the_gate(self, *, binds: bool) -> None:
        """Have the server wait when all that is left to do is to accept."""
        lifespan = self.server.lifespan
        self._begin: Callable[[], Any] = lifespan.startup
        lifespan.startup = functools.partial(self._begin_and_wait, binds=binds)

    async def _begin_and_wait(self, *, binds: bool) -> None:
        import asyncio

        lifespan, config = self.server.lifespan, self.server.config
        await self._begin()
        self.loop = asyncio.get_running_loop()
        if lifespan.should_exit:
            return
        if self.generation.ready:  # by another server of this program
            if any(other.loop is self.loop for other in self.generation.uvicorns):
                self.generation.uvicorns.append(self)
            return
        if binds and config.fd is None:
            try:
                self.generation.listeners.bind_ahead(config.host, config.port)
            except OSError:
                return  # uvicorn is going to meet it too, and knows what to say
        if not self.generation.gate():
            await lifespan.shutdown()
            sys.exit(0)
        if self.generation.forks:
            self.generation.learn()
        else:
            self.generation.uvicorns.append(self)
            attend(self.loop, self.generation)

    def leave(self) -> None:
        """End, when what was asked is answered."""
        self._hand_over()
        self.server.should_exit = True

    async def hand_over_the_rest(self) -> None:
        """Wait for the requests that have only half arrived."""
        import asyncio

        await asyncio.sleep(0)  # for what was accepted just now
        self._hand_over()
        while self.generation.left_s() and any(map(_half_asked, self._connections())):
            await asyncio.sleep(0.01)
            self._hand_over()

    def _connections(self) -> list[Any]:
        return list(self.server.server_state.connections)

    def _hand_over(self) -> None:
        for connection in self._connections():
            self.at_rest(connection)

    def at_rest(self, connection: Any) -> None:
        """Pass a connection on, if it is at rest while this generation leaves."""
        if not self.generation.leaving or not getattr(connection, "at_rest", False):
            return
        if len(self.generation.uvicorns) > 1:  # whose is it going to be?
            return
        transport = connection.transport
        busy = not _answered(connection) or transport.get_write_buffer_size()
        secret = transport.get_extra_info("sslcontext") is not None
        if not busy and not secret and not transport.is_closing():
            fd = transport.get_extra_info("socket").fileno()
            if self.generation.channel.send("connection", [fd]):
                transport.abort()  # it closes the descriptor, not the connection

    def adopt(self, loop: Any, sock: socket.socket) -> None:
        """Go on with a connection of the generation before."""
        server = self.server
        options = {"config": server.config, "server_state": server.server_state}
        if hasattr(server.lifespan, "state"):
            options["app_state"] = server.lifespan.state
        protocol = functools.partial(server.config.http_protocol_class, **options)
        task = loop.create_task(loop.connect_accepted_socket(protocol, sock))
        server.server_state.tasks.add(task)
        task.add_done_callback(server.server_state.tasks.discard)


def _tracked(protocol: Any, uvicorn: Uvicorn) -> Any:
    """Return one of uvicorn's protocols, knowing whether a request began to arrive."""
    if protocol.__name__ not in ONE_AT_A_TIME:
        return protocol

    class Tracked(protocol):  # type: ignore[misc]  # it has several
        at_rest = True

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            uvicorn.at_rest(self)

        def data_received(self, data: bytes) -> None:
            self.at_rest = False
            super().data_received(data)

        def on_response_complete(self) -> None:
            self.at_rest = not self.cycle.more_body  # or the rest would be a request
            super().on_response_complete()
            uvicorn.at_rest(self)

    return Tracked


def _answered(connection: Any) -> bool:
    cycle = getattr(connection, "cycle", None)
    return cycle is None or bool(cycle.response_complete)


def _half_asked(connection: Any) -> bool:
    return not getattr(connection, "at_rest", True) and _answered(connection)

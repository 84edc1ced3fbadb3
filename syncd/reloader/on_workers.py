"""The servers that would start processes of their own: hypercorn and gunicorn."""

# ruff: noqa: ANN401, FBT003 - their objects, and their signatures
from __future__ import annotations

import os
import socket
import sys

from syncd.reloader.generation import Generation
from syncd.reloader.on_loops import attend


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def attach_hypercorn_config(module: Any, generation: Generation) -> None:
    """Let hypercorn serve in this process, rather than in one that it starts afresh."""
    plain = module.Config.create_sockets

    def create_sockets(config: Any) -> Any:
        if config.workers > 1:
            generation.decline(f"hypercorn runs {config.workers} workers")
        elif any(address.startswith("unix:") for address in config.bind):
            generation.decline("hypercorn listens on a unix socket")
        elif config.worker_class not in ("asyncio", "uvloop"):
            generation.decline(f"hypercorn runs on {config.worker_class}")
        elif not generation.ready:
            config.use_reloader, config.workers = False, 0
            generation.own_gate = True
        return plain(config)

    module.Config.create_sockets = create_sockets


def attach_hypercorn_lifespan(module: Any, generation: Generation) -> None:
    """Wait at the gate when the lifespan has started."""
    plain = module.Lifespan.wait_for_startup

    async def wait_for_startup(lifespan: Any) -> None:
        generation.imported()
        await plain(lifespan)
        if not generation.ready:
            if not generation.gate():
                raise SystemExit(0)
            attend(lifespan.loop, generation)

    module.Lifespan.wait_for_startup = wait_for_startup


def attach_gunicorn_pidfile(module: Any, _: Generation) -> None:
    """Let the file name the newest generation, while another runs."""
    module.Pidfile.validate = lambda _: None


def attach_gunicorn(module: Any, generation: Generation) -> None:
    """Wait at the gate in the workers, when they have loaded the application."""
    plain_init, plain = module.Worker.__init__, module.Worker.load_wsgi
    init_signals = module.Worker.init_signals

    def init(worker: Any, *args: Any, **options: Any) -> None:
        plain_init(worker, *args, **options)
        worker.cfg.set("reload", False)
        # Another in its place would import what lies on disk by then.
        worker.max_requests = sys.maxsize
        generation.forks = worker.cfg.workers
        if any(isinstance(address, str) for address in worker.cfg.address):
            generation.decline("gunicorn listens on a unix socket")

    def load_wsgi(worker: Any) -> None:
        plain(worker)
        classes = type(worker).__mro__
        if generation.ready or any(c.__module__.startswith("uvicorn") for c in classes):
            return  # and then it is uvicorn's server that waits
        if not generation.gate():
            sys.exit(0)
        generation.learn()

    def init_signals_and_tell(worker: Any) -> None:
        plain_exit = worker.handle_exit
        silence = socket.socket(socket.AF_UNIX)
        silence.bind("")
        silence.listen()
        silence.setblocking(False)

        def handle_exit(*args: Any) -> None:
            plain_exit(*args)
            for sock in worker.sockets:  # it may be about to accept once more
                os.dup2(silence.fileno(), sock.fileno(), inheritable=False)
            if not generation.leaving:  # gunicorn asks until it has ended
                generation.leave()

        worker.handle_exit = handle_exit
        init_signals(worker)

    module.Worker.__init__, module.Worker.load_wsgi = init, load_wsgi
    module.Worker.init_signals = init_signals_and_tell

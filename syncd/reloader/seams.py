"""The seams: where the libraries of a generation are met."""

# ruff: noqa: ANN401 - modules of any kind
from __future__ import annotations

import contextlib

from syncd.reloader.generation import Generation
from syncd.reloader.on_loops import attach_asyncio, attach_uvloop
from syncd.reloader.on_uvicorn import (
    attach_uvicorn_config,
    attach_uvicorn_server,
    attach_uvicorn_workers,
)
from syncd.reloader.on_workers import (
    attach_gunicorn,
    attach_gunicorn_pidfile,
    attach_hypercorn_config,
    attach_hypercorn_lifespan,
)
from syncd.reloader.on_wsgi import attach_django, attach_socketserver, attach_werkzeug


TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from syncd.reloader.generation import Seams


def attach_logging(module: Any, generation: Generation) -> None:
    """Remember the errors that are logged: so servers say why they do not start."""
    plain = module.Logger.callHandlers

    def call_handlers(logger: Any, record: Any) -> None:
        if record.levelno >= module.ERROR and not generation.ready:
            # What cannot be rendered is told by the handlers, which meet it too.
            with contextlib.suppress(Exception):
                generation.logged.append(_rendered(module, record))
        plain(logger, record)

    module.Logger.callHandlers = call_handlers


def _rendered(module: Any, record: Any) -> Any:
    # Of a copy: the text of an exception is left on the record, for all formatters.
    copy = object.__new__(type(record))
    vars(copy).update(vars(record))
    return module.Formatter().format(copy)


SEAMS: Seams = {
    "asyncio.base_events": attach_asyncio,
    "django.utils.autoreload": attach_django,
    "gunicorn.pidfile": attach_gunicorn_pidfile,
    "gunicorn.workers.base": attach_gunicorn,
    "hypercorn.asyncio.lifespan": attach_hypercorn_lifespan,
    "hypercorn.config": attach_hypercorn_config,
    "logging": attach_logging,
    "socketserver": attach_socketserver,
    "uvicorn.config": attach_uvicorn_config,
    "uvicorn.server": attach_uvicorn_server,
    "uvicorn.supervisors.multiprocess": attach_uvicorn_workers,
    "uvloop": attach_uvloop,
    "werkzeug._reloader": attach_werkzeug,
}

"""myapp: the program that syncd keeps in step, small enough to read at one sitting.

    uvicorn main:app --reload

Change `MESSAGE` or `VERSION`, save, and ask for `/` again.
"""

import logging
import os
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError as PoolTimeout

import db
import events
import migrate
import routes


MESSAGE = "hello from myapp"
VERSION = "1"

logger = logging.getLogger("uvicorn.error")


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Create the SQLite file's tables; at the end close every connection.

    PostgreSQL is not touched here: its schema belongs to the deployment, which runs
    `python migrate.py` once before the program starts.
    """
    if db.engine.dialect.name == "sqlite":
        await run_in_threadpool(migrate.catch_up)
    yield
    db.engine.dispose()


app = FastAPI(title="myapp", version=VERSION, lifespan=lifespan)
app.include_router(routes.router)
app.include_router(events.router)


@app.get("/")
async def root() -> dict[str, str]:
    return {
        "message": MESSAGE,
        "version": VERSION,
        "pod": os.environ.get("HOSTNAME") or platform.node(),
    }


@app.get("/healthz")
async def healthz() -> dict[str, bool]:
    """Live: the process answers. Nothing else is asked, because a restart cures
    nothing else; and `async`, so that busy worker threads cannot silence it.
    """
    return {"live": True}


@app.get("/readyz")
def readyz() -> dict[str, bool]:
    """Ready: the database answers. If it does not, `unavailable` says so with 503."""
    db.ping()
    return {"ready": True}


@app.exception_handler(InterfaceError)
@app.exception_handler(OperationalError)
@app.exception_handler(PoolTimeout)
async def unavailable(request: Request, error: Exception) -> JSONResponse:
    """A database that is away is the server's trouble and passes: 503, not 500."""
    logger.warning("%s: database unavailable: %s", request.url.path, error)
    return JSONResponse(
        {"detail": "the database does not answer"},
        status_code=503,
        headers={"Retry-After": "1"},
    )

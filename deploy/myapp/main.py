"""myapp: the program that syncd keeps in step, small enough to read at one sitting.

    uvicorn main:app --reload

Change `MESSAGE` or `VERSION`, save, and ask for `/` again.
"""

import os
import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool

import db
import events
import migrate
import routes
from errors import answer_errors


MESSAGE = "hello from myapp"
VERSION = "1"


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
answer_errors(app)


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
    """Ready: the database answers; if it does not, `errors.unavailable` does."""
    db.ping()
    return {"ready": True}

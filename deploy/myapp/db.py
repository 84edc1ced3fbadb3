"""Where the rows live: the PostgreSQL of `DATABASE_URL`, else a SQLite file.

SQLAlchemy is used synchronously. FastAPI runs `def` endpoints in its thread pool, which
is plenty for one small table; in return the endpoints, the migrations and a person at a
prompt share one engine, and SQLite needs no further driver.
"""

import os
import sqlite3
import tempfile
import zlib
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.orm import sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry


def url() -> URL:
    """Return where to connect to.

    `postgres://` and `postgresql://` mean psycopg, the driver that is installed. What
    the URL leaves out (a password, say) libpq takes from PGPASSWORD and its siblings.
    """
    if given := os.environ.get("DATABASE_URL"):
        parsed = make_url(given.replace("postgres://", "postgresql://", 1))
        if parsed.drivername == "postgresql":
            return parsed.set(drivername="postgresql+psycopg")
        return parsed
    # A file, so that rows outlive a reload; not in this folder, which is synced and may
    # be read-only; and one for each folder and user, so that two copies never share it.
    folder = zlib.crc32(os.fsencode(Path(__file__).parent.resolve()))
    name = f"myapp-{os.getuid()}-{folder:08x}.db"
    return URL.create("sqlite", database=str(Path(tempfile.gettempdir(), name)))


def connect(target: URL) -> Engine:
    if target.get_backend_name() != "sqlite":
        # pre_ping: a database that was restarted costs one round trip, not one error.
        # 2 s: shorter than the readiness probe's patience, so that it gets an answer.
        return create_engine(
            target, pool_pre_ping=True, connect_args={"connect_timeout": 2}
        )
    engine = create_engine(target)
    event.listen(engine, "connect", _leave_begin_to_us)
    event.listen(engine, "begin", _begin)
    return engine


def _leave_begin_to_us(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    # The driver would begin before the first INSERT only: CREATE TABLE would be
    # committed on its own, and half a migration could stay behind.
    connection.isolation_level = None


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


engine = connect(url())
sessions: sessionmaker[Any] = sessionmaker(engine, expire_on_commit=False)


def ping() -> None:
    """Raise SQLAlchemy's OperationalError unless the database answers."""
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))

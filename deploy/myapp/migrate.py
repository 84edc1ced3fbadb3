"""Bring the database to the newest schema: `python migrate.py`.

Waits for a database that is still starting, and may be run by several Pods at once.
`alembic upgrade head` in this folder does the same without the patience.
"""

import logging
import os
import sys
import time
from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.exc import OperationalError

import db


HERE = Path(__file__).parent
PATIENCE_S = float(os.environ.get("MIGRATE_PATIENCE_S", "60"))

logger = logging.getLogger("alembic.migrate")


def upgrade() -> None:
    # Imported here: Alembic is a tenth of the program's start, which every reload pays.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415

    command.upgrade(Config(HERE / "alembic.ini"), "head")


def catch_up() -> None:
    """Upgrade unless the newest migration is already in."""
    newest = max(path.name for path in (HERE / "migrations/versions").glob("[0-9]*.py"))
    with db.engine.connect() as connection:
        if inspect(connection).has_table("alembic_version"):
            now = connection.scalar(text("SELECT version_num FROM alembic_version"))
            if now == newest.partition("_")[0]:
                return
    upgrade()


def wait(patience_s: float) -> None:
    """Return once the database answers.

    Raises:
        OperationalError: It still does not after `patience_s`.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return db.ping()
        except OperationalError as error:
            if time.monotonic() > deadline:
                raise
            logger.info("waiting for the database: %s", error.orig)
            time.sleep(0.5)


def main() -> int:
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    try:
        wait(PATIENCE_S)
    except OperationalError as error:
        logger.error("no database after %.0f s: %s", PATIENCE_S, error.orig)  # noqa: TRY400
        return 1
    upgrade()
    return 0


if __name__ == "__main__":
    sys.exit(main())

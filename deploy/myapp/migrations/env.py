"""Alembic's entry: every migration runs through the program's own engine."""

from alembic import context
from sqlalchemy import text

from db import engine
from models import Base


# Any number will do, as long as nobody else takes the same lock in this database.
LOCK = 20_260_101


def run() -> None:
    # One transaction for all: a migration that fails leaves the schema as it was. Both
    # databases can do that; Alembic only has to be told so for SQLite.
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            # Pods that start together take turns; the later ones find nothing to do.
            connection.execute(text("SELECT pg_advisory_xact_lock(:id)"), {"id": LOCK})
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            compare_server_default=True,
            transactional_ddl=True,
            # SQLite cannot alter a column: there, the table is copied.
            render_as_batch=connection.dialect.name == "sqlite",
        )
        with context.begin_transaction():
            context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("these migrations look at the database: run them online")
run()

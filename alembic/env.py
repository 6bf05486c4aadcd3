"""Runs migrations on the caller's connection, or, from alembic's command line, on LOSSBOARD_DATABASE_URL."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection

from service.ledger.database import schema
from service.ledger.database.engine import open_engine
from service.ledger.database.tables import METADATA


def run(connection: Connection) -> None:
    """Run the migrations in one transaction, so that one that fails leaves nothing behind."""
    context.configure(connection=connection, target_metadata=METADATA, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()
        schema.after_migrations(connection)


given = context.config.attributes.get("connection")
if isinstance(given, Connection):
    run(given)
else:
    engine = open_engine(os.environ["LOSSBOARD_DATABASE_URL"], "writer")
    with engine.begin() as opened:
        run(opened)
    engine.dispose()

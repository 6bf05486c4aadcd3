"""Whether a database is sound: what SQLite finds in its own file, or whether PostgreSQL can read every row."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.database.tables import METADATA

LINES: Final = 20
"""Lines of what is wrong, at most."""


def quick(connection: Connection) -> list[str]:
    """What is wrong with an SQLite file, apart from its indexes, which cost more; empty if it is sound."""
    return _findings(connection, "quick_check")


def thorough(database: Database) -> list[str]:
    """What is wrong with a database: of SQLite everything, of PostgreSQL each table that has an unreadable row.

    Raises:
        Unavailable: The database is away.
    """
    if database.is_sqlite:
        with database.reading() as connection:
            return _findings(connection, "integrity_check")
    return [line for table in sorted(METADATA.tables) for line in _unreadable(database, table)]


def _findings(connection: Connection, check: str) -> list[str]:
    rows = connection.exec_driver_sql(f"PRAGMA {check}({LINES})").scalars().all()
    return [] if rows == ["ok"] else [line for row in rows for line in str(row).splitlines()][:LINES]


def _unreadable(database: Database, table: str) -> list[str]:
    with database.reading() as connection:
        connection.exec_driver_sql("SELECT 1")  # whether the database is away
    try:
        with database.reading() as connection:
            connection.exec_driver_sql(f"SELECT sum(length(CAST(row AS text))) FROM {table} AS row")
    except Unavailable as error:
        return [f"{table}: {error}"]
    return []

"""What is wrong with a database: what SQLite finds in its file, or the tables that PostgreSQL cannot read."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Text, cast, func, literal_column, select, text

from service.ledger.database.database import Database
from service.ledger.database.errors import Corrupt, Unavailable
from service.ledger.database.tables import METADATA

LINES: Final = 20
"""Lines of what is wrong, at most."""


def quick(connection: Connection) -> list[str]:
    """What is wrong with an SQLite file, apart from its indexes, which cost more; empty if it is sound."""
    return _findings(connection, "quick_check")


def thorough(database: Database) -> list[str]:
    """What is wrong with a database: with SQLite anything, with PostgreSQL each table with a row that cannot
    be read."""
    if database.is_sqlite:
        try:
            with database.reading() as connection:
                return _findings(connection, "integrity_check")
        except Corrupt as damage:  # it cannot even be looked through
            return [str(damage)]
    return [line for table in sorted(METADATA.tables) for line in _unreadable(database, table)]


def _findings(connection: Connection, check: str) -> list[str]:
    rows = connection.exec_driver_sql(f"PRAGMA {check}({LINES})").scalars().all()
    return [] if rows == ["ok"] else [line for row in rows for line in str(row).splitlines()][:LINES]


def _unreadable(database: Database, table: str) -> list[str]:
    try:
        with database.reading() as connection:
            connection.execute(
                select(func.sum(func.length(cast(literal_column(table), Text)))).select_from(text(table))
            )
    except Unavailable as error:  # it cannot be read, or not at the moment
        return [f"{table}: {error}"]
    return []

"""What is wrong with a database: what SQLite finds in its file, or the tables that PostgreSQL cannot read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection, Text, cast, func, literal_column, select, text

from service.ledger.database.database import Database
from service.ledger.database.errors import Corrupt, Unavailable
from service.ledger.database.tables import METADATA

LINES: Final = 20
"""Lines of what is wrong, at most."""


def quick(connection: Connection) -> list[str]:
    """What is wrong with an SQLite file, apart from its indexes, which cost more; empty if it is sound."""
    return _findings(connection, f"quick_check({LINES})")


STEPS: Final = len(METADATA.tables) + 1
"""Of `thorough`, for a progress bar."""


def thorough(database: Database, on_step: Callable[[int], None] = lambda _steps: None) -> list[str]:
    """What is wrong with a database: with SQLite anything, with PostgreSQL each table with a row that cannot
    be read.

    Args:
        on_step: Called with the number of steps done since the last call.
    """
    look = _damage if database.is_sqlite else _unreadable
    lines: list[str] = []
    for table in sorted(METADATA.tables):
        lines += look(database, table)
        on_step(1)
    if database.is_sqlite:
        lines += _damage(database, None)
    on_step(1)
    return list(dict.fromkeys(lines))[:LINES]


def _damage(database: Database, table: str | None) -> list[str]:
    """What is wrong with a table and its indexes; None: with the pages of the file as a whole."""
    try:
        with database.reading() as connection:
            return quick(connection) if table is None else _findings(connection, f"integrity_check({table})")
    except Corrupt as damage:  # it cannot even be looked through
        return [f"{table}: {damage}" if table else str(damage)]


def _findings(connection: Connection, check: str) -> list[str]:
    rows = connection.exec_driver_sql(f"PRAGMA {check}").scalars().all()
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

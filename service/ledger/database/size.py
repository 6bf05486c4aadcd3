"""How large the database is."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, func, select

from service.ledger.database.private_files import sqlite_file


def of(connection: Connection) -> int:
    """The size of the database in bytes; of SQLite, with the write-ahead log."""
    if connection.dialect.name != "sqlite":
        return int(connection.scalar(select(func.pg_database_size(func.current_database()))) or 0)
    file = sqlite_file(str(connection.engine.url))
    return sum(
        path.stat().st_size for path in (Path(f"{file}{end}") for end in ("", "-wal")) if path.exists()
    )

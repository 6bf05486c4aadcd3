"""A place for rows that are computed to be compared and then forgotten, however many there are.

It is a database of SQLite: in memory up to a size, then in a file without a name, which is gone with the
connection. `TMPDIR` says in which folder. A temporary database of SQLite's own would not do: a driver may be
built to keep it in memory whatever its size (https://www.sqlite.org/tempfiles.html#temp_store).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, create_engine
from sqlalchemy.dialects import sqlite
from sqlalchemy.pool import NullPool
from sqlalchemy.schema import CreateTable

from service.ledger.database.sqlite import driver
from service.ledger.database.tables import STATE, SUMS

MEMORY_KIB: Final = 64 * 1024
"""Pages that are kept in memory."""

_PRAGMAS: Final = (
    f"PRAGMA cache_size=-{MEMORY_KIB}",
    "PRAGMA journal_mode=OFF",
    "PRAGMA synchronous=OFF",
)


@contextmanager
def scratch() -> Iterator[Connection]:
    """The tables of state and of the projections, empty, until the end of the block."""
    with _engine().connect() as connection:
        connection.exec_driver_sql("BEGIN")
        yield connection


@cache
def _engine() -> Engine:
    return create_engine(
        "sqlite://", module=driver, creator=_create, poolclass=NullPool, hide_parameters=True
    )


def _create() -> Any:
    with TemporaryDirectory(prefix="lossboard") as folder:  # nobody else may look into it
        connection = driver.connect(f"{folder}/scratch.db")
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        for statement in (*_PRAGMAS, "BEGIN", *_tables(), "COMMIT"):
            cursor.execute(statement)
        cursor.close()
        return connection


@cache
def _tables() -> Sequence[str]:
    tables: list[Table] = [*STATE.values(), *SUMS.values()]
    return [str(CreateTable(table).compile(dialect=sqlite.dialect())) for table in tables]

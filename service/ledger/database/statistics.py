"""The statistics that SQLite plans statements by.

Without them SQLite assumes ten rows for any account and scans all of them. The figures are rules of thumb and
the same for every office, so that a plan does not depend on when somebody ran ANALYZE: all rows belong to one
account, a whole unique key gives one row, and every other column of an index narrows the rows to ten.
PostgreSQL collects its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, inspect, text

ROWS: Final = 100_000
FEW: Final = 10


def write(connection: Connection) -> None:
    """Replace the statistics of every table and index, on SQLite; called after migrations ran."""
    if connection.dialect.name != "sqlite":
        return
    connection.exec_driver_sql("ANALYZE alembic_version")  # creates the table of statistics
    connection.exec_driver_sql("DELETE FROM sqlite_stat1")
    for row in _rows(connection):
        connection.execute(text("INSERT INTO sqlite_stat1 VALUES (:tbl, :idx, :stat)"), row)
    connection.exec_driver_sql("ANALYZE sqlite_schema")  # loads them


def _rows(connection: Connection) -> Iterator[dict[str, str]]:
    """In SQLite's own form: all rows, then the rows that share the first column, the first two, and so on."""
    stored = set(connection.exec_driver_sql("SELECT name FROM sqlite_schema WHERE type = 'index'").scalars())
    for table in sorted(set(inspect(connection).get_table_names()) - {"alembic_version"}):
        for _, index, unique, *_ in connection.exec_driver_sql(f"PRAGMA index_list({table})").all():
            columns = len(connection.exec_driver_sql(f"PRAGMA index_info({index})").all())
            same = [ROWS, *[FEW] * (columns - 1)]
            if unique:
                same[-1] = 1
            # The primary key of a table without rowids is the table itself, and has its name.
            name = index if index in stored else table
            yield {"tbl": table, "idx": name, "stat": " ".join(map(str, [ROWS, *same]))}

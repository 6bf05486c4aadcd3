"""What SQLite is to take an account for when it plans a statement. Without a word it takes any account for
ten rows, and goes through all of them. No table and no value changes, and PostgreSQL counts for itself: a
version that does not know of it goes on as before.

The figures are rules of thumb, and the same for every office, so that a plan does not depend on when somebody
looked: all rows are one account's, a whole key is one row, and whatever else is indexed by gives ten.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
oldest = "0001"

ROWS = 100_000
FEW = 10


def upgrade() -> None:
    """Write SQLite's statistics, in its own form: rows, and rows that have the same first columns."""
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    op.execute("ANALYZE heads")  # makes the table of statistics
    op.execute("DELETE FROM sqlite_stat1")
    for row in _statistics(connection):
        connection.execute(sa.text("INSERT INTO sqlite_stat1 VALUES (:tbl, :idx, :stat)"), row)
    op.execute("ANALYZE sqlite_schema")  # reads them


def _statistics(connection: sa.Connection) -> Iterator[dict[str, str]]:
    tables = set(sa.inspect(connection).get_table_names()) - {"alembic_version"}
    stored = set(connection.execute(sa.text("SELECT name FROM sqlite_schema WHERE type = 'index'")).scalars())
    for table in sorted(tables):
        for _, index, unique, *_ in connection.exec_driver_sql(f"PRAGMA index_list({table})").all():
            columns = len(connection.exec_driver_sql(f"PRAGMA index_info({index})").all())
            same = [ROWS, *[FEW] * (columns - 1)]
            if unique:
                same[-1] = 1
            # A table that is kept in the order of its key has no index beside it.
            name = index if index in stored else table
            yield {"tbl": table, "idx": name, "stat": " ".join(map(str, [ROWS, *same]))}


def downgrade() -> None:
    """Forget them."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE sqlite_stat1")

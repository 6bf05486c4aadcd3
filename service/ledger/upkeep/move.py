"""`lossboard move-to`: everything from one database into another, empty one, in one transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Table, func, insert, select

from service.ledger.database import schema
from service.ledger.database.database import Database
from service.ledger.database.tables import METADATA
from service.ledger.upkeep.replay import Progress
from service.ledger.write import heads
from service.operator_error import OperatorError

ROWS: Final = 500
"""Rows that are read and written at once."""

_ENCODER: Final = msgspec.msgpack.Encoder()


class NotMoved(OperatorError):
    """The other database is as empty as it was, or was not empty before."""


def size(source: Database) -> int:
    """The number of rows to move, for a progress bar."""
    with source.reading() as connection:
        return sum(_counts(connection, account_id) for account_id in heads.looks(connection))


def move(source: Database, target: Database, progress: Progress) -> int:
    """Copy every row of every account, read it back, and compare. Returns how many there are.

    Args:
        target: A database that is migrated, and has no account.

    Raises:
        NotMoved: The target has an account, or does not give back what was written. Nothing was written.
        SchemaError: One of them is not migrated.
        Unavailable: One of them is away, or refuses a row.
    """
    moved = 0
    with source.reading() as old, target.writing() as new:
        schema.check(old)
        schema.check(new)
        if accounts := sorted(heads.looks(new)):
            raise NotMoved(f"the other database is not empty: it has {', '.join(accounts)}")
        for account_id in sorted(heads.looks(old)):
            for table in METADATA.tables.values():
                sent = 0
                for page in _pages(old, table, account_id):
                    new.execute(insert(table), [dict(row) for row in page])
                    sent += sum(map(_digest, page))
                    moved += len(page)
                    progress(len(page))
                if sent != sum(_digest(row) for page in _pages(new, table, account_id) for row in page):
                    raise NotMoved(f"the other database does not give back the {table.name} of {account_id}")
    return moved


def _counts(connection: Connection, account_id: str) -> int:
    counts = (
        select(func.count()).select_from(table).where(table.c.account == account_id)
        for table in METADATA.tables.values()
    )
    return sum(connection.execute(count).scalar_one() for count in counts)


def _pages(connection: Connection, table: Table, account_id: str) -> Iterator[Sequence[Any]]:
    """A table's rows of an account, in the order of the database."""
    rows = select(table).where(table.c.account == account_id).execution_options(yield_per=ROWS)
    yield from connection.execute(rows).mappings().partitions()


def _digest(row: Any) -> int:
    """A number for a row. The sum of all does not depend on their order."""
    encoded = _ENCODER.encode([row[name] for name in sorted(row)])
    return int.from_bytes(hashlib.blake2b(encoded, digest_size=8).digest())

"""What a command writes with, beside a service that may be running: each account's head row serialises their
commits."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from service.clock import Clock
from service.config import Account
from service.ledger.database import schema
from service.ledger.database.engine import open_engine
from service.ledger.database.transactions import Transactions
from service.ledger.write import heads
from service.ledger.write.writer import Writer


@dataclass(frozen=True, slots=True)
class AttachedLedger:
    """The ledger of one account, to read and to write."""

    transactions: Transactions
    writer: Writer


@contextlib.asynccontextmanager
async def beside(database_url: str, account: Account, clock: Clock) -> AsyncIterator[AttachedLedger]:
    """Open the ledger of an account, and make its head row if there is none.

    Raises:
        SchemaError: The database is not migrated.
    """
    readers, writers = open_engine(database_url, "reader"), open_engine(database_url, "writer")
    try:
        schema.check(writers)
        with writers.begin() as connection:
            heads.ensure(connection, account, clock.now())
        writer = Writer(writers, {account.id: account}, clock)
        writer.start()
        try:
            yield AttachedLedger(Transactions(readers, writers), writer)
        finally:
            await writer.stop()
    finally:
        readers.dispose()
        writers.dispose()

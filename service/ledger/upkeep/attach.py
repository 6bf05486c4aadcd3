"""A ledger for a command-line tool. Safe while the service runs: both lock the account's head row before they
commit."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection

from service.clock import Clock
from service.config import Account
from service.ledger.database import schema
from service.ledger.database.database import Database
from service.ledger.write import heads
from service.ledger.write.writer import Writer

PATIENCE_SECONDS: Final = 3600.0
"""How long a command waits for its own commit: a whole file is imported in one."""

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class AttachedLedger:
    """The ledger of one account, to read and to write."""

    database: Database
    writer: Writer


@contextlib.contextmanager
def reading(database_url: str) -> Iterator[Connection]:
    """A transaction of a command that reads.

    Raises:
        SchemaError: The database is not migrated.
        Unavailable: The database cannot be used.
    """
    with contextlib.closing(Database(database_url)) as database, database.reading() as connection:
        schema.check(connection)
        yield connection


def read(
    database_url: str, query: Callable[Concatenate[Connection, P], T], *arguments: P.args, **named: P.kwargs
) -> T:
    """What a query of the ledger returns, for a command; raises as `reading` does."""
    with reading(database_url) as connection:
        return query(connection, *arguments, **named)


@contextlib.contextmanager
def writing(database_url: str) -> Iterator[Connection]:
    """A transaction of a command that writes; raises as `reading` does."""
    with contextlib.closing(Database(database_url)) as database, database.writing() as connection:
        schema.check(connection)
        yield connection


@contextlib.contextmanager
def opened(database_url: str) -> Iterator[Database]:
    """The database of a command that goes through it in several transactions; raises as `reading` does."""
    with contextlib.closing(Database(database_url)) as database:
        with database.reading() as connection:
            schema.check(connection)
        yield database


@contextlib.asynccontextmanager
async def attach(database_url: str, account: Account, clock: Clock) -> AsyncIterator[AttachedLedger]:
    """Open the ledger of an account, and make its head row if there is none.

    Raises:
        SchemaError: The database is not migrated.
    """
    with contextlib.closing(Database(database_url)) as database:
        await asyncio.to_thread(_prepare, database, account, clock)
        writer = Writer(database, {account.id: account}, clock, patience=PATIENCE_SECONDS)
        writer.start()
        try:
            yield AttachedLedger(database, writer)
        finally:
            await writer.stop()


def _prepare(database: Database, account: Account, clock: Clock) -> None:
    with database.writing() as connection:
        schema.check(connection)
        heads.ensure(connection, account, clock.now())

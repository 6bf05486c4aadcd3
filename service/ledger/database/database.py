"""The database: transactions that read and write, in the caller's thread or from the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from service.ledger.database import private_files
from service.ledger.database.engine import close, empty_log, is_sharded, is_sqlite, open_engine
from service.ledger.database.errors import Away, Unavailable, classify
from service.ledger.database.opened_files import OpenedFiles

T = TypeVar("T")

DEADLINE_SECONDS: Final = 10.0
"""In which a call from the event loop must return: more than a database that answers at all takes
(`engine.DEADLINES`)."""


class Database:
    """Connections to a database. None is opened before its first use.

    `reading`, `writing`, `read` and `write` raise `Unavailable` for every error of the database.

    Args:
        serving: For a process that answers requests: pools of a known size, and on PostgreSQL
            `engine.DEADLINES`.
    """

    def __init__(self, url: str, *, serving: bool = False) -> None:
        self.is_sqlite = is_sqlite(url)
        self.is_sharded = is_sharded(url)
        file = private_files.sqlite_file(url)
        self._files = None if file is None else OpenedFiles(file)
        self._readers = open_engine(url, "reader", serving=serving)
        self._writers = open_engine(url, "writer", serving=serving)
        self._committers = open_engine(url, "writer", serving=serving)
        self._spare: list[Connection] = []

    def reading(self) -> AbstractContextManager[Connection]:
        """A transaction that sees one state of the database."""
        return transaction(self._readers)

    def writing(self, *, isolate_data: bool = False) -> AbstractContextManager[Connection]:
        """A transaction that is committed at the end of the block; `isolate_data` as in `transaction`."""
        return transaction(self._writers, isolate_data=isolate_data, files=self._files)

    def committing(self) -> AbstractContextManager[Connection]:
        """A transaction of the writer's thread. It has connections of its own, so that it never waits for
        `writing`, and one of them is kept from transaction to transaction: to take it from the pool and give
        it back costs as much as a webhook's statements. An error that the statement or its data is at fault
        for is raised as it is."""
        return transaction(self._committers, isolate_data=True, files=self._files, spare=self._spare)

    def empty_log(self) -> None:
        """Empty SQLite's write-ahead log, unless somebody reads from it; waits for nobody.

        Raises:
            Away: The file cannot be written.
        """
        if self.is_sqlite:
            with _borrowed(self._committers, self._spare) as connection:
                empty_log(connection)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Read in a thread, within `DEADLINE_SECONDS`."""
        return await in_time(lambda: _run(self.reading(), work))

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Write in a thread, within `DEADLINE_SECONDS`; returns once it is committed."""
        return await in_time(lambda: _run(self.writing(), work))

    def close(self) -> None:
        """Close every connection; one that is in use, as soon as it is not."""
        while self._spare:
            self._spare.pop().close()
        for engine in (self._readers, self._writers, self._committers):
            close(engine)


@contextmanager
def transaction(
    engine: Engine,
    *,
    isolate_data: bool = False,
    files: OpenedFiles | None = None,
    spare: list[Connection] | None = None,
) -> Iterator[Connection]:
    """A transaction, committed at the end of the block.

    Args:
        files: Raise `Moved` unless they are still those that the connection has open, also after the commit.
        isolate_data: Raise an error that the statement or its data is at fault for as it is, because the
            caller looks for the faulty part. Otherwise it is `Away`, too.
        spare: A connection that is open already, if there is one; it stays there unless the transaction
            fails.
    """
    try:
        with _borrowed(engine, spare) as connection, connection.begin():
            opened = {} if files is None else files.of(connection)
            if files is not None:
                files.check(opened)
            yield connection
        if files is not None:
            files.check(opened)
    except PoolTimeout as error:
        raise Away(f"no connection to the database is free: {error}") from error
    except DBAPIError as error:
        unavailable = classify(error)
        if unavailable is None and isolate_data:
            raise
        raise unavailable or Away(f"the database cannot be used: {error.orig}") from error


@contextmanager
def _borrowed(engine: Engine, spare: list[Connection] | None) -> Iterator[Connection]:
    """A spare connection, or one from the pool. It is given back to where there is none."""
    connection = spare.pop() if spare else engine.connect()
    try:
        yield connection
    except BaseException:
        connection.close()
        raise
    if spare is None or spare:
        connection.close()
    else:
        spare.append(connection)


def _run(opened: AbstractContextManager[Connection], work: Callable[[Connection], T]) -> T:
    with opened as connection:
        return work(connection)


async def in_time(call: Callable[[], T], seconds: float = DEADLINE_SECONDS) -> T:
    """Run a call that blocks in a thread.

    Raises:
        Unavailable: It has not returned in time. Its thread goes on, but the caller no longer waits for it.
    """
    try:
        # Not `wait_for`: until Python 3.12 it swallows a cancellation that comes together with the result.
        async with asyncio.timeout(seconds):
            return await asyncio.to_thread(call)
    except TimeoutError:
        raise Unavailable("the database does not answer") from None

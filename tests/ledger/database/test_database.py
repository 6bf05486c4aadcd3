"""The database as its callers see it: what it promises of a commit, and what it raises."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg.errors
import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from service.ledger.database.database import Database, in_time
from service.ledger.database.errors import Away, Corrupt, CutShort, Locked, Unavailable, classify

NOWHERE = "sqlite:////nowhere/at/all.db"


@pytest.fixture
def sqlite(sqlite_ledgers: Callable[[], str]) -> Iterator[Database]:
    with closing(Database(sqlite_ledgers())) as database:
        yield database


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    """On each kind of database."""
    with closing(Database(ledger_url)) as opened:
        yield opened


def screens(connection: Connection) -> int:
    return connection.exec_driver_sql("SELECT count(*) FROM screens").scalar_one()  # type: ignore[no-any-return]


def add_screen(connection: Connection) -> None:
    connection.exec_driver_sql("INSERT INTO screens VALUES ('office', 'tv', 'digest', '', 0, NULL, 'viewer')")


def test_every_sqlite_commit_reaches_the_disk(sqlite: Database) -> None:
    for opened in (sqlite.writing, sqlite.committing):
        with opened() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == 2, "FULL"
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"


def test_a_connection_that_a_disk_spoiled_is_used_once_and_no_more(sqlite: Database) -> None:
    """SQLite opens a file for reading only, if it cannot open it for writing at that moment."""
    with sqlite.writing() as connection:
        connection.exec_driver_sql("PRAGMA query_only=ON")
    with pytest.raises(CutShort, match="readonly"), sqlite.writing() as connection:
        add_screen(connection)
    with sqlite.writing() as connection:
        add_screen(connection)
        assert screens(connection) == 1


def test_a_sqlite_transaction_that_writes_takes_the_lock_as_it_begins(sqlite: Database) -> None:
    """One that took it later would fail at once if another had committed since its first read."""
    with sqlite.writing() as connection:
        screens(connection)
        with sqlite._committers.connect() as other:
            other.connection.driver_connection.execute("PRAGMA busy_timeout=0")  # type: ignore[union-attr]
            with pytest.raises(OperationalError, match="locked"):
                other.begin()


def test_a_transaction_that_reads_cannot_write_on_sqlite(sqlite: Database) -> None:
    with pytest.raises(CutShort, match="readonly"), sqlite.reading() as connection:
        add_screen(connection)


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def half(connection: Connection) -> None:
        add_screen(connection)
        raise ValueError

    with pytest.raises(ValueError):
        await database.write(half)
    assert await database.read(screens) == 0
    await database.write(add_screen)
    assert await database.read(screens) == 1


async def test_whatever_keeps_a_read_or_a_write_from_its_answer_is_away(database: Database) -> None:
    def wrong(connection: Connection) -> None:
        connection.exec_driver_sql("SELECT nothing FROM nowhere")

    for call in (database.read, database.write):
        with pytest.raises(Away):
            await call(wrong)


async def test_a_database_that_cannot_be_opened_is_away() -> None:
    with closing(Database(NOWHERE)) as database:
        for call in (database.read, database.write):
            with pytest.raises(Away, match="unable to open"):
                await call(screens)


def test_only_the_writer_hears_that_its_data_is_at_fault(database: Database) -> None:
    for opened, raised in ((database.committing, DBAPIError), (database.writing, Away)):
        with pytest.raises(raised), opened() as connection:
            connection.exec_driver_sql("INSERT INTO screens SELECT NULL, '', '', '', 0, 0, 'viewer'")


def test_a_damaged_file_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "torn.db").write_bytes(b"\xff" * 8192)
    database = Database(f"sqlite:///{tmp_path}/torn.db")
    with pytest.raises(Corrupt), database.committing():
        raise AssertionError("it was opened")


@pytest.mark.parametrize(
    ("cause", "raised"),
    [
        (psycopg.errors.DiskFull, Away),
        (psycopg.errors.QueryCanceled, Away),
        (psycopg.errors.ReadOnlySqlTransaction, Away),
        (psycopg.errors.LockNotAvailable, Locked),
        (psycopg.errors.SerializationFailure, CutShort),
        (psycopg.errors.DeadlockDetected, CutShort),
        (psycopg.errors.DataCorrupted, Corrupt),
        (psycopg.errors.IndexCorrupted, Corrupt),
        (psycopg.errors.IoError, Away),
        (psycopg.errors.InternalError_, Away),
        (psycopg.DatabaseError, Away),
        (psycopg.Error, Away),
        (psycopg.errors.ProgramLimitExceeded, None),
        (psycopg.errors.UniqueViolation, None),
        (psycopg.errors.NumericValueOutOfRange, None),
    ],
)
def test_an_error_of_postgresql_is_classified_by_its_state(
    cause: type[psycopg.Error], raised: type[Unavailable] | None
) -> None:
    error = DBAPIError.instance("COMMIT", {}, cause("said so"), psycopg.Error)
    assert isinstance(error, DBAPIError)
    classified = classify(error)
    assert (None if classified is None else type(classified)) is raised


def test_a_lost_connection_cuts_a_transaction_short() -> None:
    lost = OperationalError("COMMIT", {}, psycopg.OperationalError("gone"), connection_invalidated=True)
    assert isinstance(classify(lost), CutShort)


async def test_a_call_that_does_not_return_in_time_is_not_waited_for() -> None:
    goes_on = threading.Event()
    assert await in_time(lambda: 7) == 7
    with pytest.raises(Unavailable, match="does not answer"):
        await in_time(lambda: goes_on.wait(30), seconds=0.05)
    goes_on.set()


@pytest.mark.parametrize("steps", range(5))
async def test_a_caller_that_is_cancelled_just_as_the_answer_comes_is_cancelled(
    steps: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`steps`: how far the answer has come through the loop by then."""
    answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def answered(_call: Callable[[], int]) -> int:
        return await answer

    monkeypatch.setattr(asyncio, "to_thread", answered)
    waiting = asyncio.create_task(in_time(lambda: 1))
    await asyncio.sleep(0.01)
    answer.set_result(1)
    for _ in range(steps):
        await asyncio.sleep(0)
    taken = waiting.done()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert waiting.cancelled() != taken


def test_a_connection_that_is_in_use_when_the_database_is_closed_is_closed_after_it(
    database: Database,
) -> None:
    """A read from the event loop goes on in its thread after the service has stopped."""
    with database.reading() as connection:
        database.close()
        assert screens(connection) == 0
        driver: Any = connection.connection.dbapi_connection
    assert is_closed(driver)


def is_closed(driver: Any) -> bool:
    try:
        driver.execute("SELECT 1")
    except Exception as error:
        return "closed" in str(error)
    return False

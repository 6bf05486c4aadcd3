"""Connections: what differs between SQLite and PostgreSQL, in one place.

SQLite comes from the `pysqlite3` wheel, because versions before 3.51.3 can corrupt a write-ahead log when
two connections write or checkpoint at once. `synchronous=FULL`: what was acknowledged survives a power cut.
Only a writing connection checkpoints.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, Literal, TypeAlias

import pysqlite3
from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError

if TYPE_CHECKING:
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.pool import ConnectionPoolEntry

SAFE_SQLITE: Final = (3, 51, 3)
"""The first SQLite whose write-ahead log is safe with several connections."""

BUSY_TIMEOUT: Final = 10_000  # milliseconds that a connection waits for another one's lock
CONNECT_TIMEOUT: Final = 3  # seconds, PostgreSQL

WRITER_CACHE: Final = 64 * 1024
"""KiB of pages that the writer keeps: a webhook touches a few rows anywhere in a year of deals, and SQLite's
default of 2 MiB would read most of them from the file again."""

Role = Literal["writer", "reader"]

Upsert: TypeAlias = sqlite.Insert | postgresql.Insert


class AlreadyServed(Exception):
    """Another process holds this SQLite file; the operator stops it, or uses PostgreSQL for several nodes."""


def is_sqlite(url: str) -> bool:
    """Whether a database URL names an SQLite file."""
    return make_url(url).get_backend_name() == "sqlite"


def open_engine(url: str, role: Role) -> Engine:
    """An engine for reading, or for reading and writing. Nothing connects before the first use.

    Raises:
        RuntimeError: The SQLite library is one that can corrupt a write-ahead log.
    """
    parsed = make_url(url)
    return (
        _open_sqlite(parsed, role)
        if parsed.get_backend_name() == "sqlite"
        else _open_postgresql(parsed, role)
    )


def _open_sqlite(url: URL, role: Role) -> Engine:
    if pysqlite3.sqlite_version_info < SAFE_SQLITE:
        wanted = ".".join(map(str, SAFE_SQLITE))
        raise RuntimeError(
            f"SQLite {pysqlite3.sqlite_version} can corrupt its log; {wanted} or newer is needed"
        )
    engine = create_engine(url, module=pysqlite3, connect_args={"check_same_thread": False})
    begin = "BEGIN IMMEDIATE" if role == "writer" else "BEGIN"

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT}")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        if role == "writer":
            cursor.execute(f"PRAGMA cache_size=-{WRITER_CACHE}")
        else:
            cursor.execute("PRAGMA wal_autocheckpoint=0")
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def _open_postgresql(url: URL, role: Role) -> Engine:
    return create_engine(
        url,
        isolation_level="READ COMMITTED" if role == "writer" else "REPEATABLE READ",
        connect_args={"connect_timeout": CONNECT_TIMEOUT, "application_name": f"lossboard {role}"},
        pool_pre_ping=role == "reader",
    )


def is_away(error: DBAPIError) -> bool:
    """Whether an error says that the database cannot be used now, rather than that the data is at fault."""
    return error.connection_invalidated or isinstance(error, (OperationalError, InterfaceError))


def insert_into(dialect: str, table: Table) -> Upsert:
    """An INSERT of a dialect that knows ON CONFLICT."""
    return sqlite.insert(table) if dialect == "sqlite" else postgresql.insert(table)


class SqliteLock:
    """Keeps a second process from serving the same SQLite file. Nothing on PostgreSQL."""

    def __init__(self, url: str) -> None:
        database = make_url(url).database if is_sqlite(url) else None
        self._path = Path(f"{database}.lock") if database and database != ":memory:" else None
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock; it goes with the process, however that ends.

        Raises:
            AlreadyServed: Another process has it.
        """
        if self._path is None:
            return
        file = self._path.open("w")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise AlreadyServed(f"another process serves the database that {self._path} belongs to") from None
        self._file = file

    def release(self) -> None:
        """Let another process take the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None

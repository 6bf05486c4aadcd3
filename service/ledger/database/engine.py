"""Engines: connections to SQLite and to PostgreSQL, and what differs between the two.

SQLite comes with its driver, because versions before 3.51.3 can corrupt a write-ahead log when two
connections write or checkpoint at once. With `synchronous=FULL` an acknowledged commit survives a power cut.
Only writing connections checkpoint.

An error shows its statement without the parameters, which are people's names and raw bodies.

PostgreSQL may be reached through a pooler that gives a connection away after each transaction (PgBouncer in
transaction mode). A URL says so with `pooler=transaction` (`config_file` adds it). Then the service leaves
neither prepared statements nor settings on a connection. It may be several servers that share the accounts
out (`sharded=true`). Then each statement is for one account.
"""

from __future__ import annotations

import fcntl
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Literal, TypeAlias

from sqlalchemy import Connection, Engine, Table, create_engine, event, text
from sqlalchemy.engine import URL, make_url

from service.ledger.database import private_files
from service.ledger.database.errors import Away, spoils
from service.ledger.database.sqlite import driver
from service.ledger.database.statements.prepared import Prepared
from service.operator_error import OperatorError

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite
    from sqlalchemy.engine.interfaces import DBAPIConnection, ExceptionContext
    from sqlalchemy.pool import ConnectionPoolEntry

SAFE_SQLITE: Final = (3, 51, 3)
"""The first SQLite whose write-ahead log is safe with several connections."""

BUSY_TIMEOUT_MS: Final = 10_000
"""How long a connection to SQLite waits for another one's lock."""

CONNECT_TIMEOUT_SECONDS: Final = 3
"""How long a connection to PostgreSQL, or a free one of the pool, is waited for."""

KEEPALIVE: Final[Mapping[str, int]] = {
    "keepalives": 1,
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
}
"""With these a connection notices within about ten seconds that the server's machine is gone."""

_ALWAYS: Final[Mapping[str, int]] = {"connect_timeout": CONNECT_TIMEOUT_SECONDS, **KEEPALIVE}

DEADLINES: Final[Mapping[str, str]] = {
    "lock_timeout": "2s",
    "statement_timeout": "8s",
    "idle_in_transaction_session_timeout": "8s",
}
"""A serving process's settings of PostgreSQL. The last one protects the other nodes: a node that is frozen
while it holds an account's lock loses the lock. Commands have no deadlines, because a rebuild may take
minutes."""

WRITERS: Final = 2
"""Connections in each of a serving process's two pools for writing; the writer's thread has its own pool."""

READERS: Final = 8
"""Connections in a serving process's pool for reading: two for streams, two for pages, two for lists, and two
for everything else."""

WRITER_CACHE_KIB: Final = 64 * 1024
"""Pages that a writing connection keeps. A webhook touches a few rows anywhere in a year of deals, and with
SQLite's default of 2 MiB most of them would be read from the file again."""

CHECKPOINT_PAGES: Final = 4_000
"""Size of the write-ahead log after which its pages are copied into the file (16 MB). A checkpoint waits for
the disk twice, and writes a page once that many commits changed. One block of the log's index names 4 062
pages, so with a larger log every read would look in two places."""

LOG_BYTES: Final = 64 * 2**20
"""Size to which the file of the write-ahead log is cut as it begins again. It outgrows that only while
somebody reads an old state of the database."""

ANNOUNCERS: Final = 1
"""Connections of a serving process that notify other nodes. One more connection listens."""

SHARDED: Final = "sharded"
"""The option that connections to a sharded database have."""

Role = Literal["writer", "reader", "announcer"]

Upsert: TypeAlias = "sqlite.Insert | postgresql.Insert"


class AlreadyServed(OperatorError):
    """Another process serves this SQLite file. The operator stops it, or uses PostgreSQL for several
    nodes."""


def is_sqlite(url: str) -> bool:
    """Whether a database URL names an SQLite file."""
    return make_url(url).get_backend_name() == "sqlite"


def is_sharded(url: str) -> bool:
    """Whether a database URL says that several servers share the accounts out."""
    return _without_hints(make_url(url))[2]


def open_engine(url: str, role: Role, *, serving: bool = False) -> Engine:
    """An engine for one role. It does not connect before its first use.

    Args:
        serving: For a process that answers requests: on PostgreSQL with a pool of a known size and
            `DEADLINES`.

    Raises:
        RuntimeError: The SQLite library can corrupt a write-ahead log.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, role)
    return _open_postgresql(parsed, role, serving=serving)


def close(engine: Engine) -> None:
    """Close every connection; one that is in use, as soon as it is not."""
    event.listen(engine.pool, "checkin", lambda _connection, entry: entry.close())
    engine.dispose()


def _open_sqlite(url: URL, role: Role) -> Engine:
    if driver.sqlite_version_info < SAFE_SQLITE:
        needed = ".".join(map(str, SAFE_SQLITE))
        raise RuntimeError(f"SQLite {driver.sqlite_version} can corrupt its log; {needed} or newer is needed")
    engine = create_engine(
        url, module=driver, connect_args={"check_same_thread": False}, hide_parameters=True
    )
    _begin_with(engine, "BEGIN IMMEDIATE" if role == "writer" else "BEGIN")
    pragmas = [f"busy_timeout={BUSY_TIMEOUT_MS}", "journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"]
    if role == "writer":
        pragmas += [f"cache_size=-{WRITER_CACHE_KIB}", f"wal_autocheckpoint={CHECKPOINT_PAGES}"]
        pragmas += [f"journal_size_limit={LOG_BYTES}", "secure_delete=ON"]
    else:
        pragmas += ["wal_autocheckpoint=0", "query_only=ON"]

    file = private_files.sqlite_file(url)

    @event.listens_for(engine, "do_connect")
    def _create(*_connection: object) -> None:
        if file is not None:
            private_files.create(file)

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "handle_error")
    def _let_go(context: ExceptionContext) -> None:
        if context.connection is not None and spoils(context.original_exception):
            context.is_disconnect, context.invalidate_pool_on_disconnect = True, False

    return engine


def _begin_with(engine: Engine, statement: str) -> None:
    """Begin each transaction with a statement."""
    beginning = Prepared(text(statement))

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        beginning.run(connection, [{}])


_ISOLATION: Final[Mapping[Role, Literal["READ COMMITTED", "REPEATABLE READ", "AUTOCOMMIT"]]] = {
    "writer": "READ COMMITTED",
    "reader": "REPEATABLE READ",
    "announcer": "AUTOCOMMIT",
}
_POOL: Final[Mapping[Role, int]] = {"writer": WRITERS, "reader": READERS, "announcer": ANNOUNCERS}


def _open_postgresql(url: URL, role: Role, *, serving: bool) -> Engine:
    direct, pooled, sharded = _without_hints(url)
    arguments: dict[str, object] = {**_ALWAYS, "application_name": f"lossboard {role}"}
    if pooled or role == "announcer":  # its URL may lead through a pooler without saying so
        arguments["prepare_threshold"] = None
    elif serving:
        settings = " ".join(f"-c {name}={value}" for name, value in DEADLINES.items())
        arguments["options"] = f"{direct.query.get('options', '')} {settings}".strip()
    pool = {"pool_size": _POOL[role], "max_overflow": 0, "pool_timeout": CONNECT_TIMEOUT_SECONDS}
    engine = create_engine(
        direct,
        isolation_level=_ISOLATION[role],
        connect_args=arguments,
        pool_pre_ping=role == "reader",
        hide_parameters=True,
        execution_options={SHARDED: True} if sharded else {},
        **(pool if serving else {}),
    )
    if pooled and serving:
        _set_deadlines(engine)
    return engine


def listening(url: str) -> dict[str, Any]:
    """The arguments of a connection that listens, for psycopg itself."""
    direct, _, _ = _without_hints(make_url(url))
    names = direct.translate_connect_args(username="user", database="dbname")
    return {**names, **direct.query, **_ALWAYS, "application_name": "lossboard listener"}


def _without_hints(url: URL) -> tuple[URL, bool, bool]:
    """The URL as the driver takes it, whether it leads through a pooler, and whether to a sharded
    database."""
    pooled, sharded = url.query.get("pooler") == "transaction", url.query.get("sharded") == "true"
    return url.difference_update_query(["pooler", "sharded"]), pooled, sharded


def _set_deadlines(engine: Engine) -> None:
    """Set `DEADLINES` in each transaction, because a pooler hands connections with their settings on."""
    settings = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in DEADLINES.items())
    _begin_with(engine, f"SELECT {settings}")


def insert_into(dialect: str, table: Table) -> Upsert:
    """An INSERT that knows ON CONFLICT. Only the dialect in use is imported, and with it its driver."""
    made: Upsert = import_module(f"sqlalchemy.dialects.{dialect}").insert(table)
    return made


def empty_log(connection: Connection) -> bool:
    """Copy SQLite's write-ahead log into the file and cut it to nothing, unless somebody reads from it. Waits
    for nobody; returns whether the log is empty. The connection has no transaction.

    Raises:
        Away: The file cannot be written.
    """
    try:
        cursor: Any = connection.connection.cursor()
        cursor.execute("PRAGMA busy_timeout=0")
        try:
            return not cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        finally:
            cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    except driver.Error as error:
        raise Away(f"the write-ahead log cannot be emptied: {error}") from error


class SqliteLock:
    """Keeps a second process from serving the same SQLite file. Does nothing on PostgreSQL."""

    def __init__(self, url: str) -> None:
        database = private_files.sqlite_file(url)
        self._path = None if database is None else Path(f"{database}.lock")
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock. The operating system releases it when the process ends, however that ends.

        Raises:
            AlreadyServed: Another process has it.
            NoFolder: This user cannot write it.
        """
        if self._path is None:
            return
        try:
            file = private_files.open_to_write(self._path)
        except OSError as error:
            raise private_files.NoFolder(f"{self._path} cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise AlreadyServed(f"another process serves the database of {self._path}") from None
        self._file = file

    def release(self) -> None:
        """Let another process take the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None

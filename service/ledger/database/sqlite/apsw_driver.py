"""APSW in the terms of Python's DB-API, as far as this service and SQLAlchemy need them
(https://peps.python.org/pep-0249/, https://docs.python.org/3/library/sqlite3.html).

APSW brings a new SQLite as a wheel for every platform, and speaks SQLite's own terms. Differences that
count: its cursor has no description once a statement without rows has run, its errors are named after
SQLite's codes, and it begins no transactions by itself, which the service does not want either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

import apsw

apilevel: Final = "2.0"
threadsafety: Final = 3  # threads may share connections and cursors
paramstyle: Final = "qmark"
Binary: Final = bytes
sqlite_version: Final = apsw.sqlite_lib_version()
sqlite_version_info: Final = tuple(int(part) for part in sqlite_version.split("."))


class Error(Exception):
    """An error of SQLite.

    Attributes:
        sqlite_errorcode: SQLite's code with its extended part; 0 where the error is the caller's.
    """

    sqlite_errorcode = 0


class DatabaseError(Error):
    """As in DB-API."""


class OperationalError(DatabaseError):
    """As in DB-API."""


class IntegrityError(DatabaseError):
    """As in DB-API."""


class DataError(DatabaseError):
    """As in DB-API."""


class InternalError(DatabaseError):
    """As in DB-API."""


class ProgrammingError(DatabaseError):
    """As in DB-API."""


class NotSupportedError(DatabaseError):
    """As in DB-API."""


class InterfaceError(Error):
    """As in DB-API."""


_KINDS: Final[dict[type[Exception], type[Error]]] = {
    apsw.ConstraintError: IntegrityError,
    apsw.MismatchError: IntegrityError,
    apsw.TooBigError: DataError,
    apsw.InternalError: InternalError,
    apsw.NotFoundError: InternalError,
    apsw.CorruptError: DatabaseError,
    apsw.NotADBError: DatabaseError,
    apsw.MisuseError: ProgrammingError,
    apsw.RangeError: ProgrammingError,
    apsw.BindingsError: ProgrammingError,
    apsw.CursorClosedError: ProgrammingError,
    apsw.ConnectionClosedError: ProgrammingError,
}
"""The kind of each of APSW's errors, as `sqlite3` has them; the others are operational."""

_CLOSED: Final = "Cannot operate on a closed database."
"""By these words SQLAlchemy knows a connection that is gone."""


def _translated(error: apsw.Error) -> Error:
    text = str(error).removeprefix(f"{type(error).__name__}: ")
    if isinstance(error, apsw.ConnectionClosedError):
        text = _CLOSED
    kind = next((_KINDS[known] for known in _KINDS if isinstance(error, known)), OperationalError)
    translated = kind(text)
    translated.sqlite_errorcode = getattr(error, "extendedresult", 0)
    return translated


def _note(columns: list[Any], cursor: apsw.Cursor, _statement: str, _bindings: object) -> bool:
    """Note the columns of a statement before it runs: afterwards APSW knows them no more."""
    columns[:] = cursor.description
    return True


class Cursor:
    """As in DB-API.

    Attributes:
        rowcount: How many rows the last statement changed.
    """

    arraysize = 1

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._columns: list[Any] = []
        # Nothing that it calls may lead back here: a cursor that is let go must end its statement at once.
        self._cursor.exec_trace = partial(_note, self._columns)
        self._ahead: tuple[Any, ...] | None = None
        self.rowcount = 0

    @property
    def description(self) -> tuple[Any, ...] | None:
        """The columns of the last statement; None if it has none."""
        return tuple(self._columns) or None

    @property
    def lastrowid(self) -> int:
        """The key of the row that was inserted last."""
        return self._connection.last_insert_rowid()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        """As in DB-API."""
        return self._run(self._cursor.execute, statement, parameters)

    def executemany(self, statement: str, parameters: Iterable[Sequence[Any]]) -> Cursor:
        """As in DB-API."""
        return self._run(self._cursor.executemany, statement, parameters)

    def _run(self, execute: Callable[..., object], statement: str, parameters: Any) -> Cursor:
        self._columns.clear()
        try:
            before = self._connection.total_changes()
            execute(statement, parameters)
            self.rowcount = self._connection.total_changes() - before
            self._ahead = next(self._cursor, None)
        except apsw.Error as error:
            raise _translated(error) from error
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        """As in DB-API. The next row is read ahead, as `sqlite3` does: a statement ends with its last row, so
        that it keeps no transaction from its end."""
        row = self._ahead
        try:
            self._ahead = None if row is None else next(self._cursor, None)
        except apsw.Error as error:
            raise _translated(error) from error
        return row

    def fetchmany(self, size: int = arraysize) -> list[tuple[Any, ...]]:
        """As in DB-API."""
        return list(islice(self, size))

    def fetchall(self) -> list[tuple[Any, ...]]:
        """As in DB-API."""
        if self._ahead is None:
            return []
        try:
            rows = [self._ahead, *self._cursor]
        except apsw.Error as error:
            raise _translated(error) from error
        self._ahead = None
        return rows

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return iter(self.fetchone, None)

    def close(self) -> None:
        """As in DB-API."""
        self._cursor.close(force=True)


class Connection:
    """As in DB-API, in the mode in which it begins no transaction by itself.

    Attributes:
        isolation_level: Always None.
    """

    def __init__(self, name: str, flags: int, timeout: float) -> None:
        self._connection = apsw.Connection(name, flags)
        self._connection.set_busy_timeout(round(timeout * 1000))
        self.isolation_level: str | None = None

    def cursor(self) -> Cursor:
        """As in DB-API."""
        try:
            return Cursor(self._connection)
        except apsw.Error as error:
            raise _translated(error) from error

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Cursor:
        """Execute a statement on a cursor of its own."""
        return self.cursor().execute(statement, parameters)

    def commit(self) -> None:
        """End the transaction, if there is one."""
        self._end("COMMIT")

    def rollback(self) -> None:
        """Take the transaction back, if there is one."""
        self._end("ROLLBACK")

    def _end(self, statement: str) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute(statement)
        except apsw.Error as error:
            raise _translated(error) from error

    def close(self) -> None:
        """As in DB-API."""
        self._connection.close(force=True)

    def create_function(
        self, name: str, narg: int, func: Callable[..., Any] | None, *, deterministic: bool = False
    ) -> None:
        """As in `sqlite3`."""
        self._connection.create_scalar_function(name, func, narg, deterministic=deterministic)

    def set_progress_handler(self, handler: Callable[[], object] | None, n: int) -> None:
        """As in `sqlite3`."""
        self._connection.set_progress_handler(None if handler is None else lambda: bool(handler()), n)


def connect(database: str, *, timeout: float = 5.0, uri: bool = False, **_of_sqlite3: object) -> Connection:
    """Open a database, as `sqlite3` does.

    Args:
        timeout: How many seconds a lock of another connection is waited for.
        uri: The name may be a URI.

    Raises:
        OperationalError: It cannot be opened.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | (apsw.SQLITE_OPEN_URI if uri else 0)
    try:
        return Connection(str(database), flags, timeout)
    except apsw.Error as error:
        raise _translated(error) from error

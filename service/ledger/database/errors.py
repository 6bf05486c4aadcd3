"""What can be wrong with the database. Errors of SQLAlchemy and the drivers are classified here and nowhere
else."""

from __future__ import annotations

from typing import Final

from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError

from service.operator_error import OperatorError

_READ_ONLY: Final = "25006"
_LOCK_TIMEOUT: Final = "55P03"
_ROLLED_BACK: Final = "40"  # the class of serialization failures and deadlocks
_DAMAGED: Final = frozenset({"XX001", "XX002"})
_TOO_LARGE: Final = "54"  # the class of what is more than PostgreSQL takes, as a key of an index
"""SQLSTATEs of PostgreSQL."""

_SQLITE_DAMAGED: Final = frozenset({11, 26})
"""SQLITE_CORRUPT and SQLITE_NOTADB."""

_SQLITE_SPOILED: Final = frozenset({8, 10, 14})
"""SQLITE_READONLY, SQLITE_IOERR and SQLITE_CANTOPEN."""

_OF_THE_DATA: Final = (DataError, IntegrityError, ProgrammingError, NotSupportedError)
"""What a driver raises because of a statement or its data. All else is the database's own."""


class Unavailable(OperatorError):
    """The database cannot be used now. Nothing is known to be stored; the caller tries again later."""


class Away(Unavailable):
    """The database cannot be reached, takes no writes (a replica, a full disk), or has no connection free."""


class Moved(Away):
    """A file of the SQLite database was replaced, moved or deleted while the service had it open. What it
    commits reaches nobody, so the process must end.

    Its exit code says that the input is missing (sysexits.h): a service manager must not start the service
    again, because it would begin an empty database.
    """

    exit_code = 66


class Locked(Unavailable):
    """Another transaction held a lock for longer than `lock_timeout`."""


class CutShort(Unavailable):
    """The database rolled the transaction back, or the connection was lost, perhaps during the commit. A
    second attempt may succeed at once."""


class Corrupt(Unavailable):
    """A page of the database is damaged, or the file is not an SQLite database."""


def spoils(error: BaseException) -> bool:
    """Whether a connection to SQLite must not be used again after an error. SQLite opens a file that it could
    not open for writing for reading, and never tries again."""
    return _sqlite_code(error) in _SQLITE_SPOILED


def _sqlite_code(error: BaseException | None) -> int:
    """The driver's code without its extended part; 0 where there is none."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def classify(error: DBAPIError) -> Unavailable | None:
    """What an error says of the database; None if the statement or its data is at fault. An error of a kind
    that is not known is the database's: a delivery must not be blamed for a disk."""
    state: str = getattr(error.orig, "sqlstate", None) or ""
    if state in _DAMAGED or _sqlite_code(error.orig) in _SQLITE_DAMAGED:
        return Corrupt(f"the database is damaged: {error.orig}")
    if error.connection_invalidated or state.startswith(_ROLLED_BACK):
        return CutShort(f"a transaction was cut short: {error.orig}")
    if state == _LOCK_TIMEOUT:
        return Locked(f"another transaction holds the lock: {error.orig}")
    if state != _READ_ONLY and (isinstance(error, _OF_THE_DATA) or state.startswith(_TOO_LARGE)):
        return None
    return Away(f"the database cannot be used: {error.orig}")

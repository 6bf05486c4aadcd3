"""The SQLite file as a whole: a copy of it while it is served, a copy put in its place, old bytes wiped.

A copy is made by `VACUUM INTO` in one read transaction: it has one state of the database, however fast others
commit meanwhile, and holds up none of them. A copy of the file's bytes has not: part of the newest commits
stand in the write-ahead log, and pages change while they are read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy.engine import make_url

from service.ledger.database import schema
from service.ledger.database.engine import BUSY_TIMEOUT_MS, is_sqlite
from service.ledger.database.private_files import PRIVATE
from service.ledger.database.sqlite import driver
from service.operator_error import OperatorError

_STEPS: Final = 20_000
"""Instructions of SQLite between two reports of progress."""

OnBytes = Callable[[int], None]
"""Called with the number of bytes that were written since the last call."""


class FileRefused(OperatorError):
    """A file is not what it must be, or there is one where none must be; nothing was changed."""


def path_of(url: str) -> Path:
    """The file of an SQLite database.

    Raises:
        FileRefused: It is no SQLite database, or its file does not exist.
    """
    name = make_url(url).database if is_sqlite(url) else None
    if not name:
        raise FileRefused("this works on a file of SQLite: on PostgreSQL use pg_dump and pg_restore")
    return Path(name)


def size_of(path: Path) -> int:
    """The bytes that a copy of a database takes, for a progress bar."""
    with _opened(path, "ro") as connection:
        sizes = [
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        ]
    return int((sizes[0] - sizes[1]) * sizes[2])


def check(path: Path) -> str:
    """Check every page and index of a database that is a file of its own; returns its schema's revision.

    Raises:
        FileRefused: It is damaged, no database of this service, or one of a newer version.
    """
    with _opened(path, "ro") as connection:
        found = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
        if found != ["ok"]:
            raise FileRefused(f"{path} is damaged: {'; '.join(map(str, found))}")
        tables = "SELECT count(*) FROM sqlite_schema WHERE name = 'alembic_version'"
        if not connection.execute(tables).fetchone()[0]:
            raise FileRefused(f"{path} is not a database of this service")
        (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    if not schema.is_known(revision):
        raise FileRefused(f"{path} has the schema {revision}, which needs a newer version of the service")
    return str(revision)


def back_up(url: str, target: Path, on_bytes: OnBytes) -> str:
    """Write a checked copy of a database, which may be served meanwhile; returns its schema's revision.

    The copy appears under its name when it is complete: until then the name stands for an empty file.

    Raises:
        FileRefused: There is a file of this name, or the copy is damaged.
    """
    source = path_of(url)
    try:
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
    except FileExistsError:
        raise FileRefused(f"{target} exists already; nothing is overwritten") from None
    except OSError as error:
        raise FileRefused(f"{target} cannot be written: {error.strerror}") from None
    try:
        with _copied(source, _beside(target, ".part"), on_bytes) as part:
            revision = check(part)
            part.replace(target)
    except BaseException:
        target.unlink()
        raise
    _sync_folder(target)
    return revision


def restore(url: str, copy: Path, stamp: str, on_bytes: OnBytes) -> Path | None:
    """Put a copy in the place of the database, which nobody serves. Killed at any moment it leaves the old
    database or the new one.

    Args:
        stamp: Tells the file that is kept aside from others.

    Returns:
        Where the old database is; None if there was none.

    Raises:
        FileRefused: The copy cannot be used; nothing was changed.
    """
    path = path_of(url)
    check(copy)
    with _copied(copy, _beside(path, ".part"), on_bytes) as part:
        check(part)
        aside = _set_aside(path, _beside(path, f".before-{stamp}")) if path.exists() else None
        part.replace(path)
    _sync_folder(path)
    return aside


def wipe_old(url: str) -> bool:
    """Rewrite the file without the bytes that were deleted, and empty its write-ahead log. Other
    connections may be open: those that write wait meanwhile. Returns False if somebody still reads the old
    log, so that it could not be emptied.

    Raises:
        FileRefused: The file cannot be written, for lack of room for example; it is as it was.
    """
    with _opened(path_of(url), "rw") as connection:
        connection.execute("VACUUM")
        return not connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


@contextmanager
def _opened(path: Path, mode: str) -> Iterator[Any]:
    """A connection to a file that exists, in the driver's own terms."""
    address = f"file:{quote(str(path.absolute()))}?mode={mode}"
    try:
        with closing(
            driver.connect(address, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1000)
        ) as connection:
            yield connection
    except driver.Error as error:
        raise FileRefused(f"{path}: {error}") from error


@contextmanager
def _copied(source: Path, part: Path, on_bytes: OnBytes) -> Iterator[Path]:
    """A copy of one state of a database, durable, to be moved away within the block; removed otherwise."""
    part.unlink(missing_ok=True)  # of a run that was killed
    written = 0

    def report() -> None:
        nonlocal written
        size = part.stat().st_size
        on_bytes(size - written)
        written = size

    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
    try:
        with _opened(source, "ro") as connection:
            connection.set_progress_handler(report, _STEPS)
            connection.execute("VACUUM INTO ?", (str(part),))
        report()
        _sync(part)
        yield part
    finally:
        part.unlink(missing_ok=True)


def _set_aside(path: Path, aside: Path) -> Path:
    """Keep the database under a second name. Its write-ahead log, which must not meet the new file, is copied
    into it, or moves along where the file is too damaged for that."""
    with suppress(FileRefused), _opened(path, "rw") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    os.link(path, aside)
    aside.chmod(PRIVATE)
    for ending in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            _beside(path, ending).rename(_beside(aside, ending))
    _sync_folder(path)
    return aside


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(path: Path) -> None:
    """Make the names in a file's folder durable."""
    _sync(path.absolute().parent)

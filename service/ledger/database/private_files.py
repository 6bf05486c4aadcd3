"""Files that hold secrets or people's names: created for their owner alone, and told of where others can read
them."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Final

from sqlalchemy.engine import URL, make_url

from service.operator_error import OperatorError

PRIVATE: Final = 0o600
"""The mode of such a file: its owner reads and writes it, and nobody else does either."""

_OTHERS: Final = 0o077

_BESIDE: Final = ("", "-wal", "-shm", ".lock")
"""How the names of an SQLite database's files end."""


def sqlite_file(url: str | URL) -> Path | None:
    """The file of a database URL; None for PostgreSQL and for a database in memory."""
    parsed = make_url(url)
    is_file = parsed.get_backend_name() == "sqlite" and parsed.database not in (None, "", ":memory:")
    return Path(parsed.database or "") if is_file else None


def create(path: Path) -> None:
    """Create an empty file for its owner alone, unless there is one. SQLite gives its log the same mode.

    An existing file is not opened: to close it would end every lock that this process has on it.
    """
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE))
    except OSError:  # it is there, or the next open says what is wrong
        return


class NoFolder(OperatorError):
    """The folder of the database's file is not there, or this user cannot write into it."""


def check_folder(url: str | URL) -> None:
    """Raise `NoFolder` unless the folder of an SQLite file can be written into: its log stands there, too."""
    file = sqlite_file(url)
    if file is None:
        return
    folder = file.absolute().parent
    if not folder.is_dir():
        raise NoFolder(f"database_url: there is no folder {folder}: create it, or correct database_url")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise NoFolder(
            f"database_url: the folder {folder} cannot be written into: give it to the user that runs this"
        )


def open_to_write(path: Path) -> IO[str]:
    """Open a file to write, and create it for its owner alone."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, PRIVATE), "w")


def exposed(database_url: str, others: Iterable[Path] = ()) -> Iterator[str]:
    """A line for each file that more people can read or write than its owner: those of an SQLite database,
    and others."""
    database = sqlite_file(database_url)
    beside = [] if database is None else [Path(f"{database}{end}") for end in _BESIDE]
    for path in [*others, *beside]:
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError:
            continue
        if mode & _OTHERS:
            yield f"{path} is open to others than its owner (mode {mode:04o}): chmod 600 {path}"

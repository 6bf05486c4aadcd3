"""Whether the files that a connection to SQLite has open are still those at the database's path.

A file that was replaced, moved or deleted stays open, and SQLite goes on to write into it: what it commits
then is lost to all who look at the path. So a file is compared by its device and inode before each commit
and after it. A path that is a symbolic link is followed again each time, because a link can be led elsewhere.
"""

from __future__ import annotations

import os
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from sqlalchemy import Connection

from service.ledger.database.errors import Away, Moved

_ENDS: Final = ("", "-wal", "-shm")
"""How the names of the files that a connection has open end."""

_OPENED: Final = "opened files"

Opened: TypeAlias = MutableMapping[str, tuple[int, int]]
"""The device and inode of each file that a connection opened, by its path."""


class OpenedFiles:
    """Compares the files of an SQLite database.

    Args:
        path: Of the database.
    """

    def __init__(self, path: Path) -> None:
        # SQLite puts the log beside the file that a symbolic link leads to.
        self._paths = [str(path), *(f"{path.resolve()}{end}" for end in _ENDS[1:])]

    def note(self, info: MutableMapping[Any, Any]) -> None:
        """Note the files of a connection that was just opened in what belongs to it (`Connection.info`)."""
        opened: Opened = info.setdefault(_OPENED, {})
        for path in self._paths:
            if path not in opened and (identity := _identity(path)) is not None:
                opened[path] = identity

    def of(self, connection: Connection) -> Opened:
        """The files that a connection has open. The log of a new database is not there before its first
        transaction."""
        self.note(connection.info)
        opened: Opened = connection.info[_OPENED]
        return opened

    def check(self, opened: Opened) -> None:
        """Raise `Moved` unless the files at the paths are those that a connection has open.

        Raises:
            Away: That cannot be told now.
        """
        for path, identity in opened.items():
            present = _identity(path)
            if present != identity:
                what = "was moved or deleted" if present is None else "was replaced"
                raise Moved(
                    f"{path} {what} while it was open: nothing more is stored, put it back and start again"
                )


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  # six times a commit, and a Path takes twice as long
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise Away(f"{path} cannot be looked at: {error.strerror}") from error
    return found.st_dev, found.st_ino

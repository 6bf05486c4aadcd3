"""A file that is replaced, moved or deleted under the service is noticed before anything is acknowledged."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from service.ledger.database.database import Database
from service.ledger.database.errors import Away, Moved
from tests.histories import at
from tests.ledger.offices import Ledger

NOW = at("2026-11-23T10:00:00+03:00")


@pytest.fixture
def folder(tmp_path: Path, sqlite_ledgers: Callable[[], str]) -> Path:
    """A folder with a database at `board.db`, that of an office."""
    url = sqlite_ledgers()
    with closing(Ledger(url, NOW)):
        pass
    (tmp_path / "real").mkdir()
    shutil.copy(url.removeprefix("sqlite:///"), tmp_path / "real" / "board.db")
    shutil.copy(tmp_path / "real" / "board.db", tmp_path / "copy.db")
    return tmp_path


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    """The same, opened by a path that leads through a symbolic link, which has committed something."""
    (folder / "board.db").symlink_to(folder / "real" / "board.db")
    with closing(Database(f"sqlite:///{folder}/board.db", serving=True)) as opened:
        note(opened, 1)
        yield opened


def note(database: Database, number: int, meanwhile: Callable[[], object] = lambda: None) -> None:
    with database.committing() as connection:
        connection.exec_driver_sql(
            f"INSERT INTO screens VALUES ('office', '{number}', '{number}', '', 0, 0, 'viewer')"
        )
        meanwhile()


def replaced(folder: Path) -> None:
    (folder / "copy.db").rename(folder / "real" / "board.db")


def led_elsewhere(folder: Path) -> None:
    (folder / "board.db").unlink()
    (folder / "board.db").symlink_to(folder / "copy.db")


WAYS: list[Callable[[Path], object]] = [
    replaced,
    led_elsewhere,
    lambda folder: (folder / "real" / "board.db").rename(folder / "old.db"),
    lambda folder: (folder / "real" / "board.db").unlink(),
    lambda folder: (folder / "board.db").unlink(),
    lambda folder: (folder / "real").rename(folder / "elsewhere"),
    lambda folder: (folder / "real" / "board.db-wal").unlink(),
    lambda folder: (folder / "real" / "board.db-shm").unlink(),
]
NAMES = ("replaced", "led elsewhere", "moved", "deleted", "link deleted", "folder moved", "log", "index")


@pytest.mark.parametrize("way", WAYS, ids=NAMES)
def test_a_file_that_is_not_the_one_at_its_path_is_noticed_before_a_commit_and_after_it(
    database: Database, folder: Path, way: Callable[[Path], object]
) -> None:
    note(database, 2)
    with pytest.raises(Moved, match="while it was open"):
        note(database, 3, meanwhile=lambda: way(folder))
    with pytest.raises(Moved, match="while it was open"), database.committing():
        raise AssertionError("it began")


def test_a_folder_that_cannot_be_looked_at_stores_nothing_and_is_not_taken_for_moved(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_path: object) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "stat", fails)
    with pytest.raises(Away) as told:
        note(database, 2)
    assert type(told.value) is Away


def test_what_was_committed_is_there_when_only_the_log_was_deleted(database: Database, folder: Path) -> None:
    """The log that is still open is copied into the file when the last connection closes."""
    note(database, 2)
    (folder / "real" / "board.db-wal").unlink()
    with pytest.raises(Moved):
        note(database, 3)
    database.close()
    with closing(Database(f"sqlite:///{folder}/board.db")) as again, again.reading() as connection:
        assert connection.exec_driver_sql("SELECT name FROM screens").scalars().all() == ["1", "2"]


def test_a_new_database_gets_its_log_and_a_checkpoint_keeps_it(tmp_path: Path) -> None:
    with closing(Database(f"sqlite:///{tmp_path}/new.db", serving=True)) as database:
        for number in range(3):
            with database.committing() as connection:
                connection.exec_driver_sql(f"CREATE TABLE t{number} (x)")
            with closing(database._committers.raw_connection()) as raw:
                raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")

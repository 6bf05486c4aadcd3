"""The SQLite file as a whole: copies that are whole or not there, and old bytes that are gone."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from service.ledger.database import files
from service.ledger.database.database import Database
from service.ledger.database.engine import BUSY_TIMEOUT_MS
from service.ledger.database.files import FileRefused
from service.ledger.write import log
from service.ledger.write.committer import Committer
from service.model import Change
from tests.databases import SqliteFiles
from tests.histories import at
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T12:00:00+03:00")
KILLED: Final = 9
STEPS: Final = frozenset({"os.rename", "os.link", "os.remove", "os.chmod", "open"})


@pytest.fixture
def url(sqlite_files: SqliteFiles, tmp_path: Path) -> str:
    """A database with two deliveries, the second only in its write-ahead log."""
    path = tmp_path / "board.db"
    path.write_bytes(Path(sqlite_files.migrated().removeprefix("sqlite:///")).read_bytes())
    return f"sqlite:///{path}"


def say(url: str, *names: str) -> None:
    ledger = Ledger(url, NOW)
    for name in names:
        ledger.say(Change("client", "7", NOW, {"name": name}))
    ledger.close()


def told(path: Path) -> int:
    """How many deliveries the log of a database has."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM deliveries").fetchone()
    connection.close()
    return int(count)


def nothing(_bytes: int) -> None:
    return None


def test_a_copy_is_whole_readable_by_its_owner_alone_and_overwrites_nothing(url: str, tmp_path: Path) -> None:
    say(url, "a", "b")
    copy, steps = tmp_path / "copy.db", list[int]()
    assert files.back_up(url, copy, steps.append) == "0001"
    assert (copy.stat().st_mode & 0o777, told(copy)) == (0o600, 2)
    assert sum(steps) == copy.stat().st_size == files.size_of(files.path_of(url))
    before = copy.read_bytes()
    with pytest.raises(FileRefused, match="exists already"):
        files.back_up(url, copy, nothing)
    assert copy.read_bytes() == before
    assert not list(tmp_path.glob("*.part"))


def test_a_copy_that_cannot_be_made_leaves_no_file(url: str, tmp_path: Path) -> None:
    with pytest.raises(FileRefused, match="cannot be written"):
        files.back_up(url, tmp_path / "missing" / "copy.db", nothing)
    path = files.path_of(url)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(FileRefused):
        files.back_up(url, tmp_path / "copy.db", nothing)
    assert sorted(one.name for one in tmp_path.glob("copy*")) == []


def test_a_restored_copy_takes_the_place_and_the_old_one_is_kept_with_its_log(
    url: str, tmp_path: Path
) -> None:
    say(url, "a")
    files.back_up(url, tmp_path / "copy.db", nothing)
    killed = Ledger(url, NOW)  # its newest commit stands in the write-ahead log alone
    killed.say(Change("client", "7", NOW, {"name": "b"}))
    aside = files.restore(url, tmp_path / "copy.db", "1", nothing)
    killed.close()
    assert aside == tmp_path / "board.db.before-1"
    assert (told(files.path_of(url)), told(aside)) == (1, 2)
    say(url, "c")
    assert told(files.path_of(url)) == 2


def test_a_database_too_damaged_to_be_opened_is_kept_as_it_is(url: str, tmp_path: Path) -> None:
    say(url, "a")
    files.back_up(url, tmp_path / "copy.db", nothing)
    killed = Ledger(url, NOW)
    killed.say(Change("client", "7", NOW, {"name": "b"}))
    log_bytes = (tmp_path / "board.db-wal").read_bytes()
    killed.close()
    (tmp_path / "board.db").write_bytes(b"lost" * 2_000)
    (tmp_path / "board.db-wal").write_bytes(log_bytes)
    aside = files.restore(url, tmp_path / "copy.db", "1", nothing)
    assert aside is not None
    assert aside.read_bytes() == b"lost" * 2_000
    assert (tmp_path / "board.db.before-1-wal").read_bytes() == log_bytes
    assert told(files.path_of(url)) == 1
    assert files.check(files.path_of(url)) == "0001"


def test_a_copy_that_was_made_with_its_log_beside_it_is_restored_with_it(url: str, tmp_path: Path) -> None:
    open_ = Ledger(url, NOW)
    open_.say(Change("client", "7", NOW, {"name": "a"}))
    for ending in ("", "-wal"):
        (tmp_path / f"snapshot.db{ending}").write_bytes((tmp_path / f"board.db{ending}").read_bytes())
    open_.close()
    files.path_of(url).unlink()
    assert files.restore(url, tmp_path / "snapshot.db", "1", nothing) is None
    assert told(files.path_of(url)) == 1


def damaged(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[2 * 4096 : 3 * 4096] = os.urandom(4096)
    path.write_bytes(content)


def of_a_newer_version(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()


def of_something_else(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (damaged, "damaged|malformed"),
        (of_a_newer_version, "newer version"),
        (of_something_else, "not a database of this service"),
        (lambda path: path.write_bytes(b""), "not a database of this service"),
        (lambda path: path.write_bytes(path.read_bytes()[:10_000]), "malformed|damaged"),
        (lambda path: path.write_bytes(b"PK" * 5_000), "not a database"),
        (Path.unlink, "unable to open"),
    ],
)
def test_a_copy_that_cannot_be_used_is_refused_and_the_database_stays(
    url: str, tmp_path: Path, spoil: Callable[[Path], object], said: str
) -> None:
    say(url, "a")
    copy = tmp_path / "copy.db"
    files.back_up(url, copy, nothing)
    before = files.path_of(url).read_bytes()
    spoil(copy)
    with pytest.raises(FileRefused, match=said):
        files.restore(url, copy, "1", nothing)
    assert files.path_of(url).read_bytes() == before
    assert not list(tmp_path.glob("board.db.*"))


def test_postgresql_is_told_what_to_use() -> None:
    with pytest.raises(FileRefused, match="pg_dump"):
        files.path_of("postgresql+psycopg://lossboard@db/lossboard")


def dies_before(step: int, work: Callable[[], object]) -> bool:
    """Run some work in a process that is killed before a step that changes files; False if it finished."""
    child = os.fork()
    if child == 0:
        seen = 0

        def kill(event: str, _arguments: object) -> None:
            nonlocal seen
            seen += event in STEPS
            if seen > step:
                os._exit(KILLED)

        sys.addaudithook(kill)
        work()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) in {0, KILLED}
    return os.waitstatus_to_exitcode(status) == KILLED


def test_killed_at_any_step_a_restore_leaves_the_old_database_or_the_new(url: str, tmp_path: Path) -> None:
    say(url, "a")
    copy, path = tmp_path / "copy.db", files.path_of(url)
    files.back_up(url, copy, nothing)
    say(url, "b")
    old, step, states = path.read_bytes(), 0, set[int]()
    while dies_before(step, partial(files.restore, url, copy, str(step), nothing)):
        files.check(path)
        states.add(told(path))
        path.write_bytes(old)
        step += 1
    assert step > 5
    assert states <= {1, 2}
    assert told(path) == 1


def test_killed_at_any_step_a_backup_leaves_nothing_that_looks_like_one(url: str, tmp_path: Path) -> None:
    say(url, "a")
    step = 0
    while dies_before(step, partial(files.back_up, url, tmp_path / f"{step}.db", nothing)):
        copy = tmp_path / f"{step}.db"
        assert not copy.exists() or copy.stat().st_size == 0 or files.check(copy) == "0001"
        step += 1
    assert step > 3
    assert told(tmp_path / f"{step}.db") == 1


def test_deleted_bytes_are_gone_once_nobody_reads_the_old_state(url: str) -> None:
    say(url, *(f"Имя {number}" for number in range(40)))
    database, path = Database(url), files.path_of(url)
    with database.writing() as connection:
        for number in (1, 2):  # the second says what it changed
            log.strip(connection, "office", number, b"[]", {})

    def bytes_on_disk() -> bytes:
        return b"".join(one.read_bytes() for one in path.parent.glob("board.db*"))

    assert "Имя 0".encode() in bytes_on_disk()
    with database.reading() as connection:
        log.newest_number(connection, "office")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "BUSY_TIMEOUT_MS", 10)
            assert files.wipe_old(url) is False
    assert files.wipe_old(url) is True
    assert "Имя 0".encode() not in bytes_on_disk()
    assert "Имя 39".encode() in bytes_on_disk()
    database.close()


def test_the_log_is_emptied_when_nothing_comes_and_no_reader_is_waited_for(url: str) -> None:
    ledger, log_file = Ledger(url, NOW), Path(f"{files.path_of(url)}-wal")
    committer = Committer(ledger.database, {OFFICE.id: OFFICE}, ledger.clock)
    ledger.say(Change("client", "7", NOW, {"name": "a"}))
    with ledger.database.reading() as connection:
        log.newest_number(connection, "office")
        ledger.say(Change("client", "7", NOW, {"name": "b"}))
        committer.probe(room=False)
        assert ledger.read().seq == 2
    assert log_file.stat().st_size > 0
    committer.probe(room=False)
    assert log_file.stat().st_size == 0
    with ledger.database.committing() as connection:  # which waits for locks as before
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one() == BUSY_TIMEOUT_MS
    ledger.close()


def test_old_bytes_of_a_row_are_zeroed_by_every_connection_that_writes(url: str) -> None:
    database = Database(url)
    with database.writing() as connection:
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar_one() == 1
    database.close()

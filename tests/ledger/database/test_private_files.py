"""Files that nobody but their owner reads, whatever the umask of the process that creates them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from service.ledger.database import private_files
from service.ledger.database.database import Database
from service.ledger.database.engine import SqliteLock


@pytest.fixture(params=[0, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("opened", ["reading", "writing", "committing"])
def test_a_database_is_created_for_its_owner_alone(tmp_path: Path, opened: str) -> None:
    url = f"sqlite:///{tmp_path}/lossboard.db"
    lock = SqliteLock(url)
    lock.acquire()
    with closing(Database(url)) as database:
        with getattr(database, opened)() as connection:
            connection.exec_driver_sql("SELECT count(*) FROM sqlite_schema")
        with database.writing() as connection:
            connection.exec_driver_sql("CREATE TABLE names (name TEXT)")
            names = ("lossboard.db", "lossboard.db-wal", "lossboard.db-shm", "lossboard.db.lock")
            assert modes(tmp_path) == dict.fromkeys(names, "0o600")
    lock.release()
    assert list(private_files.exposed(url)) == []


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o602, 0o620, 0o610, 0o666])
def test_a_file_that_others_can_open_is_told_of_with_what_to_do(tmp_path: Path, mode: int) -> None:
    url = f"sqlite:///{tmp_path}/lossboard.db"
    files = [tmp_path / name for name in ("lossboard.toml", "lossboard.db", "lossboard.db-wal")]
    for file in files:
        file.touch()
        file.chmod(mode)
    told = list(private_files.exposed(url, files[:1]))
    assert [line.partition(" is open")[0] for line in told] == [str(file) for file in files]
    assert all(
        line.endswith(f"(mode {mode:04o}): chmod 600 {file}") for line, file in zip(told, files, strict=True)
    )
    for file in files:
        file.chmod(0o600)
    assert list(private_files.exposed(url, files[:1])) == []


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgresql+psycopg://localhost/office"])
def test_a_database_without_a_file_exposes_none(url: str) -> None:
    assert private_files.sqlite_file(url) is None
    assert list(private_files.exposed(url)) == []


def test_an_existing_file_keeps_its_content_and_mode(tmp_path: Path) -> None:
    file = tmp_path / "lossboard.db"
    file.write_bytes(b"kept")
    file.chmod(0o640)
    private_files.create(file)
    assert (file.read_bytes(), modes(tmp_path)) == (b"kept", {"lossboard.db": "0o640"})

"""A log that ends early is reported with what it lacks, as far as the files tell."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from service.ledger.database.errors import Corrupt, Moved
from service.ledger.database.sqlite import driver
from service.ledger.database.wal import lacking

HEAD: Final = 32
FRAME: Final = 24 + 4096
COMMITS: Final = 21
"""In the log: one that creates a table, and twenty that add a row to it."""


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files of a process that was killed."""
    folder = tmp_path_factory.mktemp("killed")
    with closing(driver.connect(str(folder / "live.db"), isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (x)")
        for row in range(COMMITS - 1):
            connection.execute("INSERT INTO t VALUES (?)", (str(row) * 900,))
        for end in ("", "-wal", "-shm"):
            shutil.copy(f"{folder}/live.db{end}", f"{folder}/board.db{end}")
    return folder


@pytest.fixture
def board(killed: Path, tmp_path: Path) -> Path:
    """A copy of the database among them."""
    for end in ("", "-wal", "-shm"):
        shutil.copy(f"{killed}/board.db{end}", f"{tmp_path}/board.db{end}")
    return tmp_path / "board.db"


def rows(board: Path) -> int:
    with closing(driver.connect(str(board))) as connection:
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])


def without_index(board: Path) -> None:
    Path(f"{board}-shm").unlink()


def cut(board: Path, frames: float) -> None:
    os.truncate(f"{board}-wal", HEAD + round(frames * FRAME))


def damage(board: Path, place: int) -> None:
    with Path(f"{board}-wal").open("r+b") as log:
        log.seek(place)
        byte = log.read(1)[0]
        log.seek(place)
        log.write(bytes([byte ^ 0xFF]))


def frames(board: Path) -> int:
    return (Path(f"{board}-wal").stat().st_size - HEAD) // FRAME


def said(board: Path) -> list[str]:
    return [line.removeprefix(f"the log of {board}: ") for line in lacking(board)]


@pytest.mark.parametrize("change", [lambda _board: None, without_index])
def test_a_whole_log_lacks_nothing(board: Path, change: Callable[[Path], None]) -> None:
    change(board)
    assert said(board) == []
    assert rows(board) == COMMITS - 1


def test_pages_that_the_index_knows_are_missed(board: Path) -> None:
    missing = frames(board) - 5
    cut(board, 5)
    assert said(board) == [f"{missing} pages that were committed are missing at its end"]


def test_commits_behind_a_damaged_place_are_counted(board: Path) -> None:
    """A power cut leaves no index. Only the last commit may have been in flight."""
    without_index(board)
    damage(board, HEAD + 7 * FRAME + 99)
    (line,) = said(board)
    lost = int(line.split()[0])
    assert "commits behind a damaged place cannot be read" in line
    assert lost == COMMITS - 1 - rows(board)


def test_the_last_commit_may_have_been_in_flight(board: Path) -> None:
    without_index(board)
    damage(board, HEAD + (frames(board) - 1) * FRAME + 99)
    assert said(board) == [
        "its last commit is damaged; it was acknowledged, unless the power failed during it"
    ]


def test_a_commit_that_was_not_finished_is_no_loss(board: Path) -> None:
    """As a kill in the midst of a write leaves it: its last frame, which ends a commit, is not whole."""
    without_index(board)
    cut(board, frames(board) - 0.5)
    assert said(board) == []


@pytest.mark.parametrize("place", [0, 18, 25])
def test_a_damaged_head_is_told(board: Path, place: int) -> None:
    without_index(board)
    damage(board, place)
    assert said(board) == ["its head is damaged, so nothing of it can be read"]


def test_what_is_left_of_an_older_log_is_no_loss(tmp_path: Path) -> None:
    with closing(driver.connect(str(tmp_path / "live.db"), isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (x)")
        for row in range(COMMITS):
            connection.execute("INSERT INTO t VALUES (?)", (str(row) * 900,))
        connection.execute("PRAGMA wal_checkpoint(RESTART)")
        connection.execute("INSERT INTO t VALUES ('new')")
        for end in ("", "-wal"):
            shutil.copy(f"{tmp_path}/live.db{end}", f"{tmp_path}/board.db{end}")
    assert said(tmp_path / "board.db") == []
    assert rows(tmp_path / "board.db") == COMMITS + 1


def test_a_log_without_a_database_and_a_database_that_is_none(board: Path) -> None:
    board.rename(board.with_name("elsewhere.db"))
    with pytest.raises(Moved, match="is missing"):
        lacking(board)
    torn = board.with_name("torn.db")
    torn.write_bytes(b"\xff" * 8192)
    with pytest.raises(Corrupt):
        lacking(torn)
    assert lacking(board.with_name("never.db")) == []
    assert not board.with_name("never.db").exists()

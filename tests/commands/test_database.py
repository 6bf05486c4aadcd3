"""Commands about the whole database and whole accounts, and what they refuse, without a service."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import insert, update

from service.commands import operations
from service.commands.cli import main
from service.ledger.database import files
from service.ledger.database.engine import SqliteLock, open_engine
from service.ledger.database.tables import SUMS
from service.model import Change
from service.projections.next_step import NO_NEXT_STEP
from service.projections.unconverted import UNCONVERTED
from tests.databases import PostgresDatabases
from tests.e2e.running import CONFIG
from tests.histories import at
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T12:00:00+03:00")


@pytest.fixture
def url(sqlite_ledgers: Callable[[], str]) -> str:
    """A database with one delivery, whose body no adapter can read any more."""
    made = sqlite_ledgers()
    ledger = Ledger(made, NOW)
    ledger.say(Change("deal", "1", NOW, {"known": True, "amount": 5}))
    ledger.close()
    return made


def run(folder: Path, url: str, *arguments: str) -> Result:
    config = folder / "lossboard.toml"
    config.write_text(CONFIG, encoding="utf-8")
    environment = {"LOSSBOARD_DATABASE_URL": url}
    return CliRunner().invoke(main, [*arguments, "--config", str(config)], env=environment)


def test_a_move_carries_everything_and_tells_of_what_differs_there(
    url: str, tmp_path: Path, postgres_databases: PostgresDatabases
) -> None:
    target = postgres_databases.empty()
    moved = run(tmp_path, url, "move-to", target)
    assert "and read each one back" in moved.output
    assert "office: 1 differences" in moved.output  # of state from the log: that body told nothing
    assert moved.exit_code == 1
    again = run(tmp_path, url, "move-to", target)
    assert "not empty: it has office" in again.output
    for arguments in (("backup", "x.db"), ("restore", "x.db"), ("move-to", target)):
        refused = run(tmp_path, target, *arguments)
        assert (refused.exit_code, "pg_dump" in refused.output) == (1, True), refused.output


def test_a_purged_account_leaves_no_byte_in_the_files(url: str, tmp_path: Path) -> None:
    ledger = Ledger(url, NOW, replace(OFFICE, id="removed"))
    for name in ("Секретов", "Тайный"):
        ledger.say(Change("client", "7", NOW, {"name": name}))
    ledger.close()
    purged = run(tmp_path, url, "purge", "removed")
    assert purged.output == "removed: purged, with 2 deliveries\n"
    path = files.path_of(url)
    held = b"".join(one.read_bytes() for one in path.parent.glob(f"{path.name}*"))
    assert not any(name.encode() in held for name in ("Секретов", "Тайный", "removed"))
    emptied = run(tmp_path, url, "purge", "office", "--configured")
    assert emptied.output == "office: purged, with 1 deliveries\n"
    assert run(tmp_path, url, "verify", "office").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("move-to", "sqlite:///other.db"), "needs the URL of a PostgreSQL database"),
        (("move-to", "postgresql+psycopg://nobody@127.0.0.1:1/x"), "another process serves"),
        (("restore", "missing.db"), "another process serves"),
        (("purge", "office"), "is in the configuration"),
        (("purge", "gone"), "nothing of an account gone"),
        (("forget", "office", "7"), "knows nothing of a client 7"),
    ],
)
def test_what_cannot_be_done_now_is_said_in_one_line(
    url: str, tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    lock = SqliteLock(url)
    lock.acquire()
    try:
        done = run(tmp_path, url, *arguments)
    finally:
        lock.release()
    assert done.exit_code == 1
    assert said in done.output
    assert len(done.output.splitlines()) == 1


def test_verify_shows_the_first_differences_and_counts_the_others(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "SHOWN", 1)
    engine = open_engine(url, "writer")
    with engine.begin() as connection:
        connection.execute(update(SUMS[NO_NEXT_STEP]).values(deals=7))
        connection.execute(insert(SUMS[UNCONVERTED]), {"account": "office", "currency": "USD", "deals": 1})
    engine.dispose()
    lines = run(tmp_path, url, "verify", "office").output.splitlines()
    assert lines[-2:] == ["office: and 2 more", "office: projections and state: 3 differences"]
    assert len([line for line in lines if ", expected " in line]) == 1


@pytest.mark.parametrize(
    "older",
    [
        "UPDATE alembic_version SET version_num = '0007'",
        "ALTER TABLE heads RENAME COLUMN has_mergers TO has_marks",
    ],
)
@pytest.mark.parametrize("command", ["verify", "rebuild"])
def test_a_database_of_before_the_first_version_is_refused_as_the_changelog_says(
    url: str, tmp_path: Path, older: str, command: str
) -> None:
    engine = open_engine(url, "writer")
    with engine.begin() as connection:
        connection.exec_driver_sql(older)
    engine.dispose()
    refused = run(tmp_path, url, command)
    (said,) = re.findall(r"needs a newer version .*\)|the database cannot be used: ", refused.output)
    assert refused.exit_code == 1
    changelog = Path(__file__).resolve().parents[2] / "CHANGELOG.md"
    assert f"`{said}" in changelog.read_text(encoding="utf-8")

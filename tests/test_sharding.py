"""The schema can be sharded by account: every key begins with it, and every statement is restricted to it."""

from __future__ import annotations

import pytest
from sqlalchemy import Index, PrimaryKeyConstraint, UniqueConstraint, create_engine, text

from service.ledger.database.tables import METADATA
from tests import conftest
from tests.sharding import Seen, unsharded


def test_every_key_and_index_begins_with_the_account() -> None:
    assert len(METADATA.tables) > 20
    for table in METADATA.tables.values():
        keys: list[Index | UniqueConstraint | PrimaryKeyConstraint] = [table.primary_key, *table.indexes]
        keys += [unique for unique in table.constraints if isinstance(unique, UniqueConstraint)]
        for key in keys:
            assert next(iter(key.columns)).name == "account", f"{table.name}: {key.name}"
        assert not table.foreign_keys, f"{table.name}: a foreign key would tie shards together"
        assert table.autoincrement_column is None, f"{table.name}: a sequence is one for all shards"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT heads.seq \nFROM heads \nWHERE heads.account = %(account)s",
        "SELECT heads.seq FROM heads WHERE heads.account IN (%(a)s, %(b)s)",
        "SELECT 1 FROM deals LEFT OUTER JOIN tasks ON tasks.account = deals.account WHERE deals.account = ?",
        "INSERT INTO invalidations (account, seq) VALUES (?, ?)",
        "UPDATE heads SET seq=?, deliveries=? WHERE heads.account = ?",
        "DELETE FROM losses WHERE losses.account = ?",
        "SELECT deals.name FROM deals WHERE (deals.account, deals.id) IN (SELECT p ->> 0 FROM json_each(?))",
        "UPDATE heads SET seq=r.seq FROM f(?) AS r(seq BIGINT, tasks BIGINT) WHERE heads.account = r.account",
    ],
)
def test_a_statement_of_one_account_is_known(statement: str) -> None:
    assert unsharded(statement) == []


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ("SELECT heads.account FROM heads", ["heads"]),
        ("SELECT min(heads.next_tick_at) FROM heads WHERE heads.next_tick_at < ?", ["heads"]),
        ("SELECT 1 FROM deals JOIN tasks ON tasks.deal_id = deals.id WHERE deals.account = ?", ["tasks"]),
        ("SELECT 1 FROM deals, tasks WHERE deals.account = ?", ["tasks"]),
        ("SELECT 1 FROM deals AS d JOIN deals ON d.id = deals.id WHERE deals.account = ?", ["d"]),
        ("INSERT INTO invalidations (seq) VALUES (?)", ["invalidations"]),
        ("UPDATE heads SET account=? WHERE heads.seq = ?", ["heads"]),
        ("DELETE FROM losses", ["losses"]),
    ],
)
def test_a_statement_over_accounts_is_found(statement: str, tables: list[str]) -> None:
    assert unsharded(statement) == tables


def test_statements_of_the_service_are_checked_and_those_of_tests_are_not() -> None:
    seen = Seen()
    seen.note("SELECT heads.seq FROM heads")
    assert seen.offending == {}
    source = "def run(seen): seen.note('SELECT deals.id FROM deals')"
    scope: dict[str, object] = {}
    exec(compile(source, conftest.SERVICE_FILE, "exec"), scope)
    scope["run"](seen)  # type: ignore[operator]
    assert list(seen.offending) == ["SELECT deals.id FROM deals"]


def test_statements_of_every_engine_are_checked() -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(text("SELECT 'seen by the session'"))
    engine.dispose()
    assert "SELECT 'seen by the session'" in conftest.SEEN.statements

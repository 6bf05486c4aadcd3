"""Migrations, on both databases: up from nothing, down to nothing, and the same as the tables in the code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import CheckConstraint, Connection, Engine, inspect
from sqlalchemy.exc import DBAPIError

from service.ledger.database import schema
from service.ledger.database.engine import open_engine
from service.ledger.database.tables import METADATA


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """Of an empty database of each kind."""
    opened = open_engine(database_url, "writer")
    yield opened
    opened.dispose()


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def test_upgrade_from_empty_gives_every_table_without_drift(engine: Engine, database_url: str) -> None:
    schema.migrate(database_url)
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert tables(connection) == {*METADATA.tables, "alembic_version"}
        schema.check(connection)


def test_downgrade_to_empty_leaves_no_table_and_upgrade_works_again(
    engine: Engine, database_url: str
) -> None:
    schema.migrate(database_url)
    schema.downgrade(database_url)
    with engine.begin() as connection:
        assert tables(connection) == {"alembic_version"}
        with pytest.raises(schema.SchemaError, match="empty"):
            schema.check(connection)
    schema.migrate(database_url)
    with engine.begin() as connection:
        schema.check(connection)


def test_each_revision_goes_up_and_down_by_itself(database_url: str) -> None:
    for revision in reversed(schema._revisions(schema.migrations())):
        schema.migrate(database_url, revision)
        schema.downgrade(database_url, "-1")
        schema.migrate(database_url, revision)


def test_the_migrations_have_the_checks_of_the_tables(engine: Engine, database_url: str) -> None:
    schema.migrate(database_url)
    inspector = inspect(engine)
    for table in METADATA.tables.values():
        checks = {check for check in table.constraints if isinstance(check, CheckConstraint)}
        flags = {check for check in checks if check._type_bound}  # PostgreSQL has a boolean type
        wanted = checks - flags if engine.dialect.name == "postgresql" else checks
        names = {str(check["name"]) for check in inspector.get_check_constraints(table.name)}
        assert names == {str(check.name) for check in wanted}, table.name


def test_every_sqlite_table_is_strict(sqlite_ledgers: Callable[[], str]) -> None:
    engine = open_engine(sqlite_ledgers(), "reader")
    with engine.begin() as connection:
        strict = {
            name: strict for _, name, *_, strict in connection.exec_driver_sql("PRAGMA table_list").all()
        }
    assert {name for name in METADATA.tables if not strict[name]} == set()
    engine.dispose()


SOUND: Final[Mapping[str, Mapping[str, str]]] = {
    "deals": {"id": "'1'", "stamps": "'[]'"},
    "tasks": {"id": "'1'", "stamps": "'[]'"},
    "needs": {"entity": "'deal'", "id": "'1'", "wanted_by": "1", "tries": "0", "ask_at": "0"},
    "syncs": {"holder": "'h'", "held_until": "0", "repaired": "0"},
    "heads": {
        **dict.fromkeys(("seq", "deliveries", "as_of", "next_tick_at", "pruned", "quarantined"), "0"),
        "revision": "1",
        "rules_fingerprint": "''",
        "has_mergers": "false",
    },
    "deliveries": {
        "number": "1",
        "key": "'k'",
        "content": "''",
        "received_at": "0",
        "headers": "'{}'",
        "changed": "'{}'",
        "source": "'webhook'",
        "applied": "true",
    },
    "quarantine": {"number": "1", "part": "0", "place": "0", "error": "''", "detail": "''"},
    "loss_days": {"day": "739000", "reason_id": "''", "count": "1", "amount": "9223372036854775807"},
}
"""By table, a row that is taken."""


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("deals", "status", "'paused'"),
        ("deals", "amount", "'ten'"),
        ("deals", "amount", "100000000000001"),
        ("deals", "amount", "-100000000000001"),
        ("deals", "currency", "'RU'"),
        ("deals", "closed_at", "946684799999999"),
        ("deals", "known", "2"),
        ("tasks", "due_at", "4133980800000000"),
        ("tasks", "completed_at", "0"),
        ("needs", "entity", "'lead'"),
        ("needs", "tries", "-1"),
        ("syncs", "repaired", "-1"),
        ("heads", "pruned", "4"),
        ("deliveries", "source", "'guess'"),
        ("deliveries", "applied", "3"),
        ("quarantine", "part", "-1"),
        ("loss_days", "amount", "9223372036854775808"),
        ("loss_days", "amount", "9223372036854775807 + 1"),
        ("loss_days", "amount", "NULL"),
    ],
)
def test_a_value_that_its_column_cannot_mean_is_refused(
    ledger_url: str, table: str, column: str, value: str
) -> None:
    def insert(row: Mapping[str, str]) -> None:
        names, values = ", ".join(row), ", ".join(row.values())
        with opened.begin() as connection:
            connection.exec_driver_sql(f"INSERT INTO {table} (account, {names}) VALUES ('a', {values})")
            connection.rollback()

    opened = open_engine(ledger_url, "writer")
    insert(SOUND[table])
    with pytest.raises(DBAPIError):
        insert({**SOUND[table], column: value})
    opened.dispose()

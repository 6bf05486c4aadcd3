"""Migrations, on both databases: up from nothing, down to nothing, and the same as the tables in the code."""

from __future__ import annotations

from collections.abc import Callable, Iterator

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


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO deals (account, id, stamps, status) VALUES ('a', '1', '[]', 'paused')",
        "INSERT INTO deals (account, id, stamps, amount) VALUES ('a', '1', '[]', 'ten')",
        "INSERT INTO deals (account, id, stamps, known) VALUES ('a', '1', '[]', 2)",
        "INSERT INTO needs VALUES ('a', 'lead', '1', 1, 0, 0)",
        "INSERT INTO needs VALUES ('a', 'deal', '1', 1, -1, 0)",
        "INSERT INTO syncs VALUES ('a', 'h', 0, NULL, NULL, 0, 'broken')",
        "INSERT INTO heads VALUES ('a', 0, 3, 0, 0, NULL, 4, 1, '')",
        "INSERT INTO deliveries VALUES ('a', 1, 'k', 0, '{}', NULL, '{}', 'guess')",
        "INSERT INTO quarantine VALUES ('a', 1, -1, '', '')",
    ],
)
def test_a_value_that_its_column_cannot_mean_is_refused(ledger_url: str, statement: str) -> None:
    engine = open_engine(ledger_url, "writer")
    with pytest.raises(DBAPIError), engine.begin() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()

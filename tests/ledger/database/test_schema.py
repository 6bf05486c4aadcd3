"""Migrations, on both databases: up from nothing, down to nothing, and the same as the tables that the code
uses."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect

from service.ledger.database import schema
from service.ledger.database.engine import open_engine
from service.ledger.database.tables import METADATA


def _tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


def test_upgrade_from_empty_gives_every_table_without_drift(database_url: str) -> None:
    schema.migrate(database_url)
    engine = open_engine(database_url, "writer")
    with engine.begin() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
        assert _tables(connection) == {*METADATA.tables, "alembic_version"}
    schema.check(engine)
    engine.dispose()


def test_downgrade_to_empty_leaves_no_table_and_upgrade_works_again(database_url: str) -> None:
    schema.migrate(database_url)
    schema.downgrade(database_url)
    engine = open_engine(database_url, "writer")
    with engine.begin() as connection:
        assert _tables(connection) == {"alembic_version"}
    with pytest.raises(schema.SchemaError, match="empty"):
        schema.check(engine)
    schema.migrate(database_url)
    schema.check(engine)
    engine.dispose()


def test_each_revision_goes_up_and_down_by_itself(database_url: str) -> None:
    for revision, before in (
        ("0001", "base"),
        ("0002", "0001"),
        ("0003", "0002"),
        ("0004", "0003"),
        ("0005", "0004"),
        ("0006", "0005"),
        ("0007", "0006"),
    ):
        schema.migrate(database_url, revision)
        schema.downgrade(database_url, before)
        schema.migrate(database_url, revision)


def test_primary_keys_start_with_the_account() -> None:
    for table in METADATA.tables.values():
        assert next(iter(table.primary_key.columns)).name == "account", table.name

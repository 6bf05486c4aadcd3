"""The schema's version in a database: what it is, and bringing it up to date."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from service.ledger.engine import open_engine

MIGRATION_LOCK: Final = 0x1055B0A2D
"""Key of the PostgreSQL advisory lock that keeps two nodes from migrating at once."""

_PACKAGE: Final = Path(__file__).resolve().parents[1]


class SchemaError(Exception):
    """The database's schema is not the one that this version needs; `lossboard migrate` brings it there."""


def migrations() -> Path:
    """The folder of migrations: beside the package in a checkout, inside it in a wheel."""
    beside = _PACKAGE.parent / "alembic"
    return beside if (beside / "env.py").exists() else _PACKAGE / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(url: str, revision: str = "head") -> None:
    """Bring the schema of a database up to `revision`, in one transaction."""
    engine = open_engine(url, "writer")
    try:
        with engine.begin() as connection:
            _lock(connection)
            command.upgrade(_config(connection), revision)
    finally:
        engine.dispose()


def downgrade(url: str, revision: str = "base") -> None:
    """Bring the schema of a database back to `revision`; what later revisions kept is lost."""
    engine = open_engine(url, "writer")
    try:
        with engine.begin() as connection:
            _lock(connection)
            command.downgrade(_config(connection), revision)
    finally:
        engine.dispose()


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})


def newest() -> str | None:
    """The revision that this version of the service needs."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def current(engine: Engine) -> str | None:
    """The revision that a database is at; None for an empty one."""
    with engine.begin() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def check(engine: Engine) -> None:
    """Raise `SchemaError` unless the schema is the newest."""
    have, want = current(engine), newest()
    if have != want:
        raise SchemaError(
            f"the database's schema is {have or 'empty'}, {want} is needed: run lossboard migrate"
        )

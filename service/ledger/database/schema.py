"""The schema's version in a database: what it is, whether this version of the service can work on it, and
bringing it up to date.

During a rolling upgrade nodes of two versions share a database, whose schema is the newer one's. Each
migration says which is the oldest version that goes on working after it (`oldest`, by the newest revision
that it brings), and the database keeps what all of them say together, for a version that knows nothing of
later ones: as the comment of alembic's own table. On SQLite, where no two versions meet, nothing is kept.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from service.ledger.database.engine import open_engine

MIGRATION_LOCK: Final = 0x1055B0A2D
"""Key of the PostgreSQL advisory lock that keeps two nodes from migrating at once."""

_OLDEST: Final = "oldest service: "

_PACKAGE: Final = Path(__file__).resolve().parents[2]


class SchemaError(Exception):
    """This version of the service cannot work on the database's schema: that is older (`lossboard migrate`
    brings it up to date), or too new (the service must be)."""


def migrations() -> Path:
    """The folder of migrations: beside the package in a checkout, inside it in a wheel."""
    beside = _PACKAGE.parent / "alembic"
    return beside if (beside / "env.py").exists() else _PACKAGE / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def migrate(url: str, revision: str = "head") -> str | None:
    """Bring the schema of a database up to `revision`, in one transaction; returns what it is then. A newer
    one that this version can work on is left as it is.

    Raises:
        SchemaError: It is newer, and this version cannot work on it.
    """
    engine = open_engine(url, "writer")
    try:
        with engine.begin() as connection:
            _lock(connection)
            have = _current(connection)
            if have is None or _is_known(have):
                command.upgrade(_config(connection), revision)
            else:
                _check_newer(connection, have)
            return _current(connection)
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


def declare(connection: Connection) -> None:
    """Keep in the database which is the oldest version of the service that works on its schema; called after
    migrations ran."""
    have = _current(connection)
    if connection.dialect.name == "postgresql" and have is not None:
        declared = (script.module.oldest for script in _scripts().iterate_revisions(have, "base"))
        connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{_OLDEST}{max(declared)}'"))


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _is_known(revision: str) -> bool:
    return revision in {script.revision for script in _scripts().walk_revisions()}


def newest() -> str | None:
    """The revision that this version of the service brings."""
    return _scripts().get_current_head()


def _current(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def current(engine: Engine) -> str | None:
    """The revision that a database is at; None for an empty one."""
    with engine.begin() as connection:
        return _current(connection)


def check(engine: Engine) -> None:
    """Raise `SchemaError` unless this version of the service can work on the schema."""
    with engine.begin() as connection:
        have, want = _current(connection), newest()
        if have == want:
            return
        if have is not None and not _is_known(have):
            _check_newer(connection, have)
            return
    raise SchemaError(f"the database's schema is {have or 'empty'}, {want} is needed: run lossboard migrate")


def _check_newer(connection: Connection, have: str) -> None:
    """Raise `SchemaError` unless a revision that this version does not know was declared to suit it."""
    oldest, ours = _declared(connection), newest()
    if oldest is None or ours is None or ours < oldest:
        raise SchemaError(
            f"the database's schema is {have}, which needs a newer version of the service (this is {ours})"
        )


def _declared(connection: Connection) -> str | None:
    if connection.dialect.name != "postgresql":
        return None
    comment = connection.execute(text("SELECT obj_description(to_regclass('alembic_version'), 'pg_class')"))
    kept = comment.scalar() or ""
    return kept.removeprefix(_OLDEST) if kept.startswith(_OLDEST) else None

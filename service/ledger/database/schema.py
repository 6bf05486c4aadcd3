"""The schema's revision in a database: what it is, whether this version of the service can work on it, and
bringing it up to date.

During a rolling upgrade nodes of two versions share a database, whose schema is the newer version's. Each
migration declares the oldest version that goes on working after it (`oldest`, named by the newest revision
that this version brings) and why (`safe_because`). An old version does not have the later migrations, so the
database keeps the newest of these declarations as the comment of alembic's own table. On SQLite, which one
process serves at a time, nothing is kept.

Alembic is imported by what runs migrations, and by nothing else: it takes 8 MiB and a tenth of a second,
which a command, or a service on a schema that is up to date, has no use for.
"""

from __future__ import annotations

from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import Connection, inspect, text

from service.ledger.database import statistics
from service.ledger.database.database import Database
from service.operator_error import OperatorError

MIGRATION_LOCK: Final = 0x1055B0A2D
"""Key of the PostgreSQL advisory lock that keeps two nodes from migrating at once."""

_OLDEST: Final = "oldest service: "

_PACKAGE: Final = Path(__file__).resolve().parents[2]


class SchemaError(OperatorError):
    """This version of the service cannot work on the database's schema. It is older (`lossboard migrate`
    brings it up to date), or too new (the service must be upgraded)."""


def migrations() -> Path:
    """The folder of migrations: beside the package in a checkout, inside it in a wheel."""
    beside = _PACKAGE.parent / "alembic"
    return beside if (beside / "env.py").exists() else _PACKAGE / "migrations"


@lru_cache(maxsize=8)
def _revisions(folder: Path) -> tuple[str, ...]:
    """The revisions that a folder's migrations bring, newest first; read once in a process. The files' names
    begin with them."""
    return tuple(sorted((file.name[:4] for file in folder.glob("versions/[0-9]*.py")), reverse=True))


def newest() -> str:
    """The revision that this version of the service brings."""
    return _revisions(migrations())[0]


def is_known(revision: str) -> bool:
    """Whether this version of the service has the migrations of a revision."""
    return revision in _revisions(migrations())


def _run(connection: Connection, way: Literal["upgrade", "downgrade"], revision: str) -> None:
    """Run migrations up or down to a revision."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations()).replace("%", "%%"))
    config.attributes["connection"] = connection
    (command.upgrade if way == "upgrade" else command.downgrade)(config, revision)


def migrate(url: str, revision: str = "head") -> str | None:
    """Bring the schema of a database up to `revision`, in one transaction, and return its revision then. A
    newer schema that this version can work on stays as it is.

    Raises:
        SchemaError: The schema is newer, and this version cannot work on it.
    """
    with closing(Database(url)) as database, database.writing() as connection:
        _lock(connection)
        have = _current(connection)
        if is_newer(connection):
            _check_newer(connection)
        elif have == newest() and revision == "head":
            statistics.write(connection)  # somebody may have had SQLite collect its own
        else:
            _run(connection, "upgrade", revision)
        return _current(connection)


def downgrade(url: str, revision: str = "base") -> None:
    """Bring the schema of a database back to `revision`; what later revisions stored is lost."""
    with closing(Database(url)) as database, database.writing() as connection:
        _lock(connection)
        _run(connection, "downgrade", revision)


def after_migrations(connection: Connection) -> None:
    """What every change of the schema ends with: statistics for SQLite; for PostgreSQL, the oldest version of
    the service that works on the schema."""
    statistics.write(connection)
    have = _current(connection)
    if connection.dialect.name == "postgresql" and have is not None:
        from alembic.script import ScriptDirectory

        scripts = ScriptDirectory(str(migrations())).iterate_revisions(have, "base")
        oldest = max(script.module.oldest for script in scripts)
        connection.execute(text(f"COMMENT ON TABLE alembic_version IS '{_OLDEST}{oldest}'"))


def _lock(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})


def _current(connection: Connection) -> str | None:
    """The revision that a database is at; None for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(
        text("SELECT alembic_version.version_num FROM alembic_version")
    ).scalar()
    return revision


def is_newer(connection: Connection) -> bool:
    """Whether a newer version of the service migrated the database."""
    have = _current(connection)
    return have is not None and not is_known(have)


def check(connection: Connection) -> None:
    """Raise `SchemaError` unless this version of the service can work on the schema."""
    have = _current(connection)
    if have == newest():
        return
    if not is_newer(connection):
        raise SchemaError(
            f"the database's schema is {have or 'empty'}, {newest()} is needed: run lossboard migrate"
        )
    _check_newer(connection)


def _check_newer(connection: Connection) -> None:
    """Raise `SchemaError` unless a newer schema is declared to suit this version."""
    oldest = _declared(connection)
    if oldest is None or newest() < oldest:
        raise SchemaError(
            f"the database's schema is {_current(connection)}, which needs a newer version of the service "
            f"(this is {newest()})"
        )


def _declared(connection: Connection) -> str | None:
    if connection.dialect.name != "postgresql":
        return None
    comment = connection.execute(text("SELECT obj_description(to_regclass('alembic_version'), 'pg_class')"))
    kept = comment.scalar() or ""
    return kept.removeprefix(_OLDEST) if kept.startswith(_OLDEST) else None

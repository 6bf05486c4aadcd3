"""Two versions of the service on one database: the schema is the newer version's, and the older version goes
on if the migration declares so. The newer version is this one with one more migration."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from service.ledger.database import schema
from service.ledger.database.database import Database
from service.ledger.write.committer import Committer
from service.ledger.write.outcome import Outcome
from tests.databases import PostgresDatabases
from tests.ledger.offices import Ledger
from tests.ledger.write.test_committer import NOW, committer, delivery

MIGRATION = '''"""A column more, with a default, and a table that nobody else knows."""
import sqlalchemy as sa
from alembic import op
revision = "9999"
down_revision = "{newest}"
oldest = "{oldest}"
safe_because = "nobody reads the new column"
def upgrade():
    op.add_column("deals", sa.Column("mood", sa.Text(), nullable=False, server_default="calm"))
    op.add_column("heads", sa.Column("colour", sa.Text()))
    op.create_table("moods", sa.Column("account", sa.Text(), primary_key=True))
def downgrade():
    op.drop_table("moods")
'''

Version = Callable[[Path], None]
"""Makes the process one of the version that brings the migrations of a folder."""


@pytest.fixture
def version(monkeypatch: pytest.MonkeyPatch) -> Version:
    return lambda folder: monkeypatch.setattr(schema, "migrations", lambda: folder)


@pytest.fixture
def postgres(postgres_databases: PostgresDatabases) -> Iterator[str]:
    url = postgres_databases.migrated()
    yield url
    postgres_databases.drop(url)


def check(url: str) -> None:
    with closing(Database(url)) as database, database.reading() as connection:
        schema.check(connection)


def newer(folder: Path, oldest: str) -> Path:
    """The migrations of a newer version."""
    copied = folder / "newer"
    shutil.copytree(schema.migrations(), copied)
    text = MIGRATION.format(newest=schema.newest(), oldest=oldest)
    (copied / "versions" / "9999_moods.py").write_text(text)
    return copied


def status(node: Committer, key: str) -> str:
    (result,), _ = node.commit([delivery(key)])
    return result.status if isinstance(result, Outcome) else "unavailable"


def test_nodes_of_two_versions_serve_side_by_side(tmp_path: Path, postgres: str, version: Version) -> None:
    ours = schema.migrations()
    old = Ledger(postgres, NOW)
    before = committer(old.database)
    assert status(before, "a") == "applied"

    version(newer(tmp_path, oldest="0001"))
    assert schema.migrate(postgres) == "9999"
    new = Ledger(postgres, NOW)
    after = committer(new.database)
    for number in range(8):
        assert status(after, f"new {number}") == "applied"
        assert status(before, f"old {number}") == "applied"
    check(postgres)

    version(ours)
    check(postgres)
    assert schema.migrate(postgres) == "9999", "an old node that is started again leaves the schema alone"
    for ledger in (old, new):
        assert ledger.read().seq == 17
        assert ledger.differences() == []
        ledger.close()


def test_a_version_that_a_migration_leaves_behind_says_so_and_does_nothing(
    tmp_path: Path, postgres: str, version: Version
) -> None:
    ours = schema.migrations()
    version(newer(tmp_path, oldest="9999"))
    schema.migrate(postgres)
    version(ours)
    with pytest.raises(schema.SchemaError, match="needs a newer version of the service"):
        check(postgres)
    with pytest.raises(schema.SchemaError, match="needs a newer version of the service"):
        schema.migrate(postgres)


def test_what_migrations_declare_goes_with_them(tmp_path: Path, postgres: str, version: Version) -> None:
    ours = schema.migrations()
    newest = schema.newest()
    version(newer(tmp_path, oldest="9999"))
    schema.migrate(postgres)
    schema.downgrade(postgres, newest)
    version(ours)
    with closing(Database(postgres)) as database, database.reading() as connection:
        schema.check(connection)
        assert schema._declared(connection) == "0001"


def test_the_migrations_are_read_once_in_a_process(
    sqlite_ledgers: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/readyz` checks the schema at every probe."""
    url = sqlite_ledgers()
    check(url)
    monkeypatch.setattr(Path, "glob", None)
    check(url)


def test_sqlite_has_one_version_at_a_time(tmp_path: Path, version: Version) -> None:
    url = f"sqlite:///{tmp_path}/one.db"
    ours = schema.migrations()
    version(newer(tmp_path, oldest="0001"))
    schema.migrate(url)
    version(ours)
    with pytest.raises(schema.SchemaError, match="needs a newer version of the service"):
        schema.migrate(url)


def test_each_migration_says_why_it_is_safe_and_for_whom() -> None:
    scripts = list(ScriptDirectory(str(schema.migrations())).walk_revisions())
    assert scripts != []
    revisions = {script.revision for script in scripts}
    for script in scripts:
        assert re.fullmatch(r"\d{4}", script.revision), "revisions are compared as texts"
        assert Path(script.path).name.startswith(f"{script.revision}_")
        assert script.module.oldest in revisions
        assert script.module.oldest <= script.revision
        assert script.module.safe_because.strip() != "", script.revision


def test_nodes_that_start_at_once_migrate_one_after_another(postgres_databases: PostgresDatabases) -> None:
    url = postgres_databases.empty()
    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(lambda _: schema.migrate(url), range(4))) == {schema.newest()}
    check(url)
    postgres_databases.drop(url)

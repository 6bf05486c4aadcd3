"""A migration that is killed leaves nothing or everything (`make soak`: killed before every statement)."""

from __future__ import annotations

from pathlib import Path

from tests.databases import PostgresDatabases, SqliteFiles
from tests.soak.migrations import kill_each


def test_a_killed_migration_leaves_nothing_or_everything(
    tmp_path: Path, databases: SqliteFiles | PostgresDatabases
) -> None:
    assert kill_each(databases.empty, tmp_path, 20, 30) >= 2

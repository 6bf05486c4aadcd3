"""Whether a statement could be sent to one shard. The tests check every statement that the service executes,
and one that reaches over accounts fails the run.

A statement is checked as the database gets it. Each table in it must be restricted to one account, or to some
that the statement names, by `table.account = …`, `IN …` or `(table.account, …) IN …`; an INSERT needs a value
for that column.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from service.ledger.database.tables import METADATA

SERVICE: Final = str(Path(__file__).resolve().parents[1] / "service")
TESTS: Final = str(Path(__file__).resolve().parent)
LOOKING: Final = frozenset({__file__, str(Path(__file__).with_name("conftest.py"))})

ALLOWED: Final = re.compile(
    r"BEGIN|PRAGMA |SELECT pg_catalog\.version|show standard_conforming_strings"
    r"|SELECT pg_catalog\.pg_class|SELECT alembic_version\.|SELECT obj_description"  # the schema's version
    r"|ANALYZE |(?:DELETE FROM|INSERT INTO) sqlite_stat1|SELECT name FROM sqlite_"  # SQLite's statistics
    r"|SELECT sum\(length\(CAST"  # check-database reads every row
    r"|COMMENT ON TABLE alembic_version|SELECT pg_advisory_xact_lock"  # one migration at a time
    r"|SAVEPOINT |RELEASE SAVEPOINT |ROLLBACK TO SAVEPOINT "  # within a transaction
    r"|SELECT heads\.account, heads\.looked_at \nFROM heads$"  # which accounts there are, asked of each shard
    r"|SELECT pg_database_size\("  # for the metrics
    r"|SELECT set_config"  # deadlines; notifications, too
)
"""Statements that have no account by their nature."""

_TABLES = "|".join(METADATA.tables)
_NAMED: Final = re.compile(
    rf"\b(?:FROM|JOIN|UPDATE|INTO|,)\s+({_TABLES})\b(?:\s+AS\s+(\w+))?(?!\s*(?:[.=]|BIGINT\b))", re.IGNORECASE
)
_INSERT: Final = re.compile(rf"INSERT INTO (?:{_TABLES}) \(account,", re.IGNORECASE)


def unsharded(statement: str) -> list[str]:
    """The tables of a statement that are restricted to no account."""
    if _INSERT.match(statement):
        return []
    named = {alias or table for table, alias in _NAMED.findall(statement)}
    return sorted(table for table in named if not _restricted(statement, table))


def _restricted(statement: str, name: str) -> bool:
    column = rf"\b{name}\.account"
    pairs = rf"\({column}, [\w.\"]+\) IN \(SELECT "
    return bool(re.search(rf"{column}\s*(?:=|IN\b)|=\s*{column}\b|{pairs}", statement))


@dataclass
class Seen:
    """The statements of a test session."""

    statements: set[str] = field(default_factory=set)
    offending: dict[str, str] = field(default_factory=dict)

    def note(self, statement: str) -> None:
        """Check a statement that is about to be executed."""
        if statement in self.statements:
            return
        self.statements.add(statement)
        if ALLOWED.match(statement) or (_NAMED.search(statement) and not unsharded(statement)):
            return
        if caller := _caller():
            self.offending[statement] = caller


def _caller() -> str | None:
    """The line of the service that executes the statement; None if a test does."""
    for path, line in _frames():
        if path in LOOKING:
            continue
        if path.startswith(TESTS) or "/alembic/" in path:  # of a migration, or of alembic itself
            return None
        if path.startswith(SERVICE):
            return f"{path}:{line}"
    return None


def _frames() -> Iterator[tuple[str, int]]:
    frame = sys._getframe(1)
    while frame is not None:
        yield frame.f_code.co_filename, frame.f_lineno
        frame = frame.f_back  # type: ignore[assignment]  # None after the last

"""Where several servers share the accounts out, each statement of a commit is for one account; on one server,
for all accounts of the commit. Both give the same tables."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from service.config import ConfigError
from service.ledger.database.database import Database
from service.ledger.database.tables import METADATA
from service.ledger.write import heads
from service.ledger.write.committer import Committer
from service.model import Change, Decoded, Delivery, later
from tests.histories import HOUR, at
from tests.ledger.offices import OFFICE, FixedClock, configured
from tests.ledger.statements import Executed, executed

NOW = at("2026-11-23T12:00:00+03:00")
OFFICES = {name: replace(OFFICE, id=name) for name in ("first-office", "second-office", "third-office")}


def batch(turn: int) -> list[Delivery]:
    """Of each account: a deal that is lost or opened again, a client, and an overdue task of every second
    turn."""
    version = later(NOW, turn)
    deal = {"known": True, "status": ("open", "lost")[turn % 2], "amount": turn, "client_id": "7"}
    changes = [Change("deal", "42", version, deal), Change("client", "7", version, {"name": f"Name {turn}"})]
    if turn % 2:
        changes.append(Change("task", f"t{turn}", version, {"deal_id": "42", "due_at": NOW - HOUR}))
    return [Delivery(name, NOW, {}, b"raw", Decoded(f"k{turn}", tuple(changes))) for name in OFFICES]


def worked(url: str) -> tuple[list[Executed], dict[str, list[Any]]]:
    """The statements of some commits, and what the tables have then."""
    with closing(Database(url)) as database:
        with database.committing() as connection:
            for office in OFFICES.values():
                heads.ensure(connection, office, NOW)
        node = Committer(database, OFFICES, FixedClock(NOW))
        with executed(database._committers) as statements:
            for turn in range(4):
                results, _ = node.commit(batch(turn))
                assert [getattr(result, "status", result) for result in results] == ["applied"] * 3
        with database.reading() as connection:
            tables = METADATA.tables.values()
            rows = {table.name: sorted(map(repr, connection.execute(select(table)))) for table in tables}
    return statements, rows


def test_each_statement_is_for_one_account_only_where_it_must_be(postgres_ledgers: Callable[[], str]) -> None:
    apart, rows_apart = worked(configured(postgres_ledgers(), sharded=True))
    together, rows_together = worked(configured(postgres_ledgers(), sharded=False))
    assert rows_apart == rows_together
    named = [[name for name in OFFICES if name in repr(parameters)] for _, parameters in apart]
    assert {len(names) for names in named} == {1}
    assert not [text for text, _ in apart if "json_to_recordset" in text or ") IN (SELECT" in text]
    assert len(together) < len(apart) / 2


def test_a_file_is_not_sharded(sqlite_ledgers: Callable[[], str]) -> None:
    with pytest.raises(ConfigError, match="sharded: only with PostgreSQL"):
        configured(sqlite_ledgers(), sharded=True)

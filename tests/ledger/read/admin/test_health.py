"""The health of accounts: as many statements for a page of them as for one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from service.ledger.database.database import Database
from service.ledger.database.tables import NEEDS
from service.ledger.read.admin import health
from service.ledger.read.admin.reader import ACCOUNTS, AdminReader
from service.ledger.write import heads, syncs, troubles
from service.ledger.write.syncs import Sync, SyncRun
from service.model import Trouble
from tests.histories import at
from tests.ledger.offices import OFFICE, FixedClock, configured
from tests.ledger.statements import Executed, executed

NOW = at("2026-11-23T10:00:00+03:00")
OFFICES = {name: replace(OFFICE, id=name) for name in (f"o{number:02}" for number in range(ACCOUNTS + 1))}
RUN = SyncRun("backfill", NOW)


def prepare(database: Database) -> None:
    """Every second account has a board; the third of them has needs, a run and troubles."""
    with database.writing() as connection:
        for office in list(OFFICES.values())[::2]:
            heads.ensure(connection, office, NOW)
        need = {"account": "o04", "entity": "deal", "wanted_by": 1, "tries": 0, "ask_at": NOW}
        connection.execute(NEEDS.insert(), [{**need, "id": str(number)} for number in range(3)])
        syncs.begin(connection, "o04", RUN)
        troubles.tell(connection, "o04", "webhook_off", "", NOW)
        troubles.tell(connection, "o04", "requests_refused", "token", NOW, 7)


def read(database: Database, count: int) -> tuple[list[Executed], list[health.Health]]:
    """The statements of a page of so many accounts, and their health."""
    reader = AdminReader(database, dict(list(OFFICES.items())[:count]), FixedClock(NOW))
    with executed(database._readers) as statements:
        page = reader.accounts("")
    return statements, list(page.rows)


def test_a_page_of_accounts_takes_as_many_statements_as_one(
    ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "MANY_NEEDS", 2)
    with closing(Database(ledger_url)) as database:
        prepare(database)
        one, _ = read(database, 1)
        page, rows = read(database, len(OFFICES))
        assert len(page) == len(one) <= 6
        assert [row.account.id for row in rows] == list(OFFICES)[:ACCOUNTS]
        assert [row.head is not None and row.is_current for row in rows] == [True, False] * 12 + [True]
        told = (Trouble("requests_refused", "token", 7, NOW, NOW), Trouble("webhook_off", "", 1, NOW, NOW))
        assert rows[4][3:] == (2, Sync(RUN, None, 0), told)
        assert {row[3:] for row in rows if row.account.id != "o04"} == {(0, syncs.NEVER, ())}
        assert AdminReader(database, OFFICES, FixedClock(NOW)).account("o04") == rows[4]


def test_on_a_sharded_database_each_statement_is_for_one_account(
    postgres_ledgers: Callable[[], str],
) -> None:
    with closing(Database(configured(postgres_ledgers(), sharded=True))) as database:
        prepare(database)
        statements, rows = read(database, 3)
    named = [[name for name in OFFICES if name in repr(parameters)] for _, parameters in statements]
    assert sorted(filter(None, named)) == [[name] for name in ("o00", "o01", "o02") for _ in range(4)]
    assert [row.head is not None for row in rows] == [True, False, True]

"""Everything goes from an SQLite file to PostgreSQL, and is the same there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from service.ledger.database.database import Database
from service.ledger.database.tables import METADATA
from service.ledger.upkeep import move as moving
from service.ledger.upkeep import screens
from service.ledger.upkeep.move import NotMoved, move, size
from service.ledger.write import heads, needs, syncs, troubles
from service.ledger.write.apply import apply
from service.ledger.write.syncs import SyncRun
from service.model import Change, Decoded, Delivery, Need, Rejection, merger_id
from tests.histories import HOUR, at
from tests.ledger.offices import OFFICE, Ledger

NOW = at("2026-11-23T12:00:00+03:00")
REMOVED = replace(OFFICE, id="removed")


@pytest.fixture
def full(sqlite_ledgers: Callable[[], str]) -> Ledger:
    """An office that has something in every table that is not a sum."""
    ledger = Ledger(sqlite_ledgers(), NOW)
    with ledger.engine.begin() as connection:
        heads.ensure(connection, REMOVED, NOW)
        changes = (
            Change(
                "deal", "1", NOW, {"known": True, "client_id": "7", "amount": 10**13 - 1, "name": "Ё\u2028"}
            ),
            Change("deal", "2", NOW, {"known": True, "status": "lost", "reason_id": "r", "amount": 5}),
            Change("task", "t", NOW, {"deal_id": "1", "due_at": NOW - HOUR, "completed": False}),
            *(
                Change(entity, "7", NOW, {"name": "Пётр"})
                for entity in ("client", "manager", "reason", "pipeline")
            ),
            Change("merger", merger_id("client", "6"), NOW, {"into_id": "7"}),
        )
        body = bytes(range(256))
        for account in (OFFICE, REMOVED):
            decoded = Decoded("a", changes, (Rejection(0, "strange", "trace"),))
            apply(connection, account, [Delivery(account.id, NOW, {"x": "1"}, body, decoded)], NOW)
        needs.note(connection, "office", {Need("deal", "9"): 1}, NOW)
        syncs.begin(connection, "office", SyncRun("backfill", NOW))
        troubles.tell(connection, "office", "api_token", "deals", NOW)
        screens.add(connection, "office", "hall", "digest", "mode=wall", NOW)
    return ledger


def rows(database: Database) -> dict[str, list[str]]:
    with database.reading() as connection:
        return {
            name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for name, table in METADATA.tables.items()
        }


def test_everything_arrives_and_is_the_same(full: Ledger, postgres_ledgers: Callable[[], str]) -> None:
    steps: list[int] = []
    url = postgres_ledgers()
    target, kept = Database(url), rows(full.database)
    moved = move(full.database, target, steps.append)
    assert moved == sum(steps) == size(full.database)
    assert rows(target) == kept
    held = {
        "deliveries",
        "quarantine",
        "screens",
        "needs",
        "syncs",
        "troubles",
        "mergers",
        "losses",
        "at_risk",
    }
    assert held <= {name for name, found in kept.items() if found}
    there = Ledger(url, NOW)
    assert there.differences() == []
    there.say(Change("deal", "3", NOW, {"known": True, "amount": 1}))
    with pytest.raises(NotMoved, match="not empty: it has office, removed"):
        move(full.database, target, steps.append)
    for opened in (there, target, full):
        opened.close()


def test_what_does_not_arrive_whole_is_not_moved(
    full: Ledger, sqlite_ledgers: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Database(sqlite_ledgers())
    digests = iter(range(10**6))
    monkeypatch.setattr(moving, "_digest", lambda _row: next(digests))
    with pytest.raises(NotMoved, match="does not give back"):
        move(full.database, target, lambda _: None)
    assert not any(rows(target).values())
    target.close()
    full.close()

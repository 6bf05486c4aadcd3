"""Who must answer a sweep: what counts on the board, and nothing that does not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from service.ledger.database.engine import open_engine
from service.ledger.database.outcome import Unavailable
from service.ledger.database.transactions import Transactions
from service.ledger.write import sweep
from service.ledger.write.syncs import read
from service.model import DAY, Change, Instant, Need, earlier, later
from tests.histories import at
from tests.ledger.offices import Ledger

NOW = at("2026-11-23T10:00:00+03:00")
YESTERDAY = earlier(NOW, DAY)


def deal(each: str, **fields: Any) -> Change:
    return Change("deal", each, NOW, {"known": True, **fields})


def task(each: str, **fields: Any) -> Change:
    return Change("task", each, NOW, fields)


def expected(ledger: Ledger, lost_since: Instant = YESTERDAY, due_since: Instant = YESTERDAY) -> set[Need]:
    with ledger.readers.begin() as connection:
        return set(sweep.expected(connection, "office", lost_since, due_since))


def test_deals_that_are_open_or_were_lost_of_late_must_answer(ledger: Ledger) -> None:
    ledger.say(
        deal("open", status="open"),
        deal("no status"),
        deal("lost", status="lost", closed_at=YESTERDAY),
        deal("long lost", status="lost", closed_at=YESTERDAY - 1),
        deal("won", status="won"),
        deal("gone"),
        Change("deal", "gone", later(NOW, 1), deleted=True),
        Change("deal", "only linked", NOW, {"client_id": "7"}),
    )
    assert expected(ledger) == {Need("deal", each) for each in ("open", "no status", "lost")}


def test_tasks_that_are_open_or_were_due_of_late_must_answer(ledger: Ledger) -> None:
    ledger.say(
        task("open", due_at=NOW - 90 * DAY, completed=False),
        task("undated", completed=False),
        task("done", due_at=YESTERDAY, completed=True, completed_at=NOW),
        task("long done", due_at=YESTERDAY - 1, completed=True, completed_at=NOW),
        task("gone", due_at=NOW, completed=False),
        Change("task", "gone", later(NOW, 1), deleted=True),
    )
    assert expected(ledger) == {Need("task", each) for each in ("open", "undated", "done")}


def test_a_database_that_is_away_is_one_to_be_tried_again() -> None:
    nowhere = open_engine("sqlite:////nowhere/at/all.db", "reader")
    transactions = Transactions(nowhere, nowhere)
    with pytest.raises(Unavailable):
        asyncio.run(transactions.read(lambda connection: read(connection, "office")))
    with pytest.raises(Unavailable):
        asyncio.run(transactions.write(lambda connection: read(connection, "office")))


def test_what_fails_in_a_transaction_leaves_nothing(ledger: Ledger) -> None:
    ledger.say(deal("open"))
    transactions = Transactions(ledger.readers, ledger.engine)

    def half(connection: Any) -> None:
        connection.exec_driver_sql("DELETE FROM deals")
        raise ValueError

    with pytest.raises(ValueError):
        asyncio.run(transactions.write(half))
    assert expected(ledger) == {Need("deal", "open")}

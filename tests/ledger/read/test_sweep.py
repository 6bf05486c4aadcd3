"""What a sweep must list: what counts on the board, and nothing else."""

from __future__ import annotations

from typing import Any

from service.ledger.read import sweep
from service.model import DAY, Change, Instant, Need, earlier, later
from tests.histories import at
from tests.ledger.offices import Ledger

NOW = at("2026-11-23T10:00:00+03:00")
YESTERDAY = earlier(NOW, DAY)


def deal(deal_id: str, **fields: Any) -> Change:
    return Change("deal", deal_id, NOW, {"known": True, **fields})


def task(task_id: str, **fields: Any) -> Change:
    return Change("task", task_id, NOW, fields)


def expected(ledger: Ledger, lost_since: Instant = YESTERDAY, due_since: Instant = YESTERDAY) -> set[Need]:
    with ledger.readers.begin() as connection:
        return set(sweep.expected(connection, "office", lost_since, due_since))


def test_deals_that_are_open_or_were_lost_lately_must_be_listed(ledger: Ledger) -> None:
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
    assert expected(ledger) == {Need("deal", deal_id) for deal_id in ("open", "no status", "lost")}


def test_tasks_that_are_open_or_were_due_lately_must_be_listed(ledger: Ledger) -> None:
    ledger.say(
        task("open", due_at=NOW - 90 * DAY, completed=False),
        task("undated", completed=False),
        task("done", due_at=YESTERDAY, completed=True, completed_at=NOW),
        task("long done", due_at=YESTERDAY - 1, completed=True, completed_at=NOW),
        task("gone", due_at=NOW, completed=False),
        Change("task", "gone", later(NOW, 1), deleted=True),
    )
    assert expected(ledger) == {Need("task", task_id) for task_id in ("open", "undated", "done")}

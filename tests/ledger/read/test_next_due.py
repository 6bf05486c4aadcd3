"""When the next client comes to be at risk: by the rules of being at risk, or not said."""

from __future__ import annotations

import pytest

from service.ledger.read.next_due import LOOKED_AT
from service.model import SECOND, Change, later
from tests.ledger.offices import Ledger
from tests.live.boards import NOW

HOUR = 3600 * SECOND


def promise(name: str, hours: int, **on: str) -> Change:
    return Change("task", name, NOW, {"due_at": later(NOW, hours * HOUR), "completed": False, **on})


def deal(name: str, status: str) -> Change:
    return Change("deal", name, NOW, {"known": True, "status": status, "amount": 1})


def test_only_a_task_that_would_put_a_client_at_risk_is_the_next(ledger: Ledger) -> None:
    assert ledger.read().next_due_at is None
    ledger.say(
        promise("on nothing", 1),
        promise("won", 2, deal_id="1"),
        promise("lost", 3, deal_id="2"),
        promise("deleted", 4, deal_id="3"),
        promise("gone", 5, client_id="9"),
        promise("open", 9, deal_id="4"),
        *(deal(name, status) for name, status in (("1", "won"), ("2", "lost"), ("3", "open"), ("4", "open"))),
        Change("client", "9", NOW, {"name": "Иван"}),
    )
    ledger.say(
        Change("deal", "3", later(NOW, 1), deleted=True), Change("client", "9", later(NOW, 1), deleted=True)
    )
    read = ledger.read()
    assert read.next_due_at == later(NOW, 9 * HOUR)
    ledger.say(promise("on a client", 8, client_id="7"))
    assert ledger.read(since=read).next_due_at == later(NOW, 8 * HOUR)
    ledger.say(promise("on a deal not known yet", 7, deal_id="77"))
    assert ledger.read().next_due_at == later(NOW, 7 * HOUR)


def test_while_somebody_is_at_risk_nothing_is_said(ledger: Ledger) -> None:
    ledger.say(deal("4", "open"), promise("now", 0, deal_id="4"), promise("later", 5, deal_id="4"))
    assert ledger.read().totals["at_risk"]["clients"] == 1
    assert ledger.read().next_due_at is None


@pytest.mark.parametrize(("closed", "known"), [(LOOKED_AT - 1, True), (LOOKED_AT, False)])
def test_what_is_not_found_among_the_next_tasks_is_not_claimed(
    ledger: Ledger, closed: int, known: bool
) -> None:
    ledger.say(
        deal("1", "won"),
        deal("2", "open"),
        *(promise(f"t{number}", 1, deal_id="1") for number in range(closed)),
        promise("open", 2, deal_id="2"),
    )
    assert (ledger.read().next_due_at is not None) is known

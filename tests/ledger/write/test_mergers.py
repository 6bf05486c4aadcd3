"""Merged clients and deals in the ledger: in any order the board is that of the record that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import permutations

import pytest

from service.ledger.read.board import Selection
from service.model import Change, Day, Instant, later, merger_id
from tests.histories import HOUR, at
from tests.ledger.offices import Ledger
from tests.ledger.statements import executed

NOW = at("2026-11-23T12:00:00+03:00")
EVERYTHING = [Selection(Day(1), Day(10**6))]

DEALS = [
    Change("deal", deal, NOW, {"known": True, "status": "open", "amount": 100, "client_id": client})
    for deal, client in (("1", "5"), ("2", "6"))
]
TASKS = [
    Change("task", f"t{deal}", NOW, {"due_at": NOW - HOUR, "deal_id": deal, "manager_id": "m"})
    for deal in ("1", "2")
]
CLIENTS = [
    Change("merger", merger_id("client", "6"), later(NOW, 1), {"into_id": "5"}),
    Change("client", "6", later(NOW, 1), deleted=True),
]


@pytest.fixture
def sqlite(sqlite_ledgers: Callable[[], str]) -> Iterator[Ledger]:
    opened = Ledger(sqlite_ledgers(), NOW)
    yield opened
    opened.close()


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_merged_clients_are_one_whatever_comes_first(order: tuple[int, ...], sqlite: Ledger) -> None:
    parts = [DEALS, TASKS, CLIENTS[:1], CLIENTS[1:]]
    for part in order:
        sqlite.say(*parts[part])
        assert sqlite.differences() == []
    totals = sqlite.read(EVERYTHING).totals["at_risk"]
    assert (totals["clients"], totals["amount"], totals["tasks"]) == (1, 200, 2)


def test_the_tasks_of_a_merged_deal_are_on_the_one_that_is_left(sqlite: Ledger) -> None:
    sqlite.say(*DEALS, *TASKS)
    gone = Change("deal", "2", later(NOW, 1), deleted=True)
    sqlite.say(Change("merger", merger_id("deal", "2"), later(NOW, 1), {"into_id": "1"}), gone)
    totals = sqlite.read(EVERYTHING).totals["at_risk"]
    assert (totals["clients"], totals["amount"], totals["tasks"]) == (1, 100, 2)
    sqlite.say(Change("task", "late", Instant(NOW - 1), {"due_at": NOW - HOUR, "deal_id": "2"}))
    assert sqlite.read(EVERYTHING).totals["at_risk"]["tasks"] == 3
    assert sqlite.differences() == []


def test_an_account_without_mergers_spends_no_statement_on_them(sqlite: Ledger) -> None:
    with executed(sqlite.engine) as statements:
        sqlite.say(*DEALS, *TASKS)
    about = [statement for statement, _ in statements if "mergers" in statement]
    assert about
    assert all("FROM heads" in statement for statement in about)

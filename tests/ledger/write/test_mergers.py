"""Merged clients and deals in the ledger: in any order the board is that of the record that is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import permutations

import pytest
from sqlalchemy import text

from service.ledger.read.board import Selection
from service.ledger.read.decoding import one_by_one
from service.ledger.upkeep import recompute, replay
from service.ledger.write import state
from service.ledger.write.apply import apply_all
from service.ledger.write.batch.cache import Cache
from service.model import Change, Day, Decoded, Delivery, Instant, later, merger_id
from tests.e2e.running import until
from tests.histories import HOUR, at
from tests.ledger.offices import OFFICE, Ledger
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
    assert not any("FROM mergers" in statement for statement, _ in statements)


def test_a_node_that_waits_for_the_commit_of_the_first_merger_knows_of_it(
    postgres_ledgers: Callable[[], str],
) -> None:
    url = postgres_ledgers()
    with closing(Ledger(url, NOW)) as ledger, closing(Ledger(url, NOW)) as waiting:
        ledger.say(*DEALS)
        late = Change("deal", "3", NOW, {"known": True, "status": "open", "client_id": "6"})
        with ThreadPoolExecutor(1) as other_node:
            with ledger.engine.begin() as connection:
                told = Delivery("office", NOW, {}, b"", Decoded("merger", tuple(CLIENTS[:1])))
                apply_all(connection, [(OFFICE, [told])], NOW, Cache())
                sent = other_node.submit(
                    waiting.deliver, Delivery("office", NOW, {}, b"", Decoded("late", (late,)))
                )
                until(lambda: _waits(ledger))
            sent.result()
        with ledger.readers.begin() as connection:
            assert state.load(connection, "office", "deal", ["3"])["3"].values["client_id"] == "5"
        assert ledger.differences() == []


def _waits(ledger: Ledger) -> bool:
    """Whether a transaction waits for the lock of another one."""
    waits = "wait_event_type = 'Lock' AND datname = current_database()"
    with ledger.readers.begin() as connection:
        return connection.execute(text(f"SELECT 1 FROM pg_stat_activity WHERE {waits}")).first() is not None


def test_a_rebuild_from_the_log_knows_whether_there_are_mergers(sqlite: Ledger) -> None:
    sqlite.say(*DEALS, *CLIENTS)
    for kept in (True, False):
        with sqlite.engine.begin() as connection:
            changes = tuple(CLIENTS) if kept else ()
            decoded = one_by_one(lambda _stored: Decoded("k", changes))  # noqa: B023
            replay.rebuild_state(connection, OFFICE, decoded, lambda _: None)
            recompute.rebuild(connection, OFFICE, NOW, lambda _: None)
        assert sqlite.head.has_mergers is kept

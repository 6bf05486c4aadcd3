"""The deals that count with amount 0, on both databases: the very deals that the board's warnings count."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.ledger.read import unpriced_rows
from service.ledger.read.unpriced_rows import UnpricedDeal, UnpricedReader
from service.model import Change, Value
from service.projections.unconverted import UNKNOWN
from tests.histories import at
from tests.ledger.drawn import live_through
from tests.ledger.offices import Ledger

NOW = at("2026-11-23T12:00:00+03:00")


def read(ledger: Ledger, currency: str | None = None) -> tuple[int, list[UnpricedDeal]]:
    reader = UnpricedReader(ledger.database, {ledger.account.id: ledger.account}, ledger.clock)
    with reader.read(ledger.account.id, currency) as deals:
        return deals.count, list(deals.deals)


def deal(deal_id: str, **fields: Value) -> Change:
    return Change("deal", deal_id, NOW, {"known": True, "status": "open", **fields})


def test_a_deal_without_a_price_is_listed_with_what_is_known_of_it(both: Ledger) -> None:
    both.restart(NOW)
    both.say(
        deal("1", amount=None, name="Абонемент", client_id="7", manager_id="3"),
        deal("2", amount=500, currency="USD", status="lost", url="https://crm.example/2"),
        deal("3", amount=500, currency="RUB"),
        deal("4", amount=None, status="won"),
        Change("client", "7", NOW, {"name": "Иван"}),
    )
    assert read(both) == (
        2,
        [
            UnpricedDeal("1", "Абонемент", "7", "Иван", "3", False, None, None, None),
            UnpricedDeal("2", None, "deal:2", None, None, True, 500, "USD", "https://crm.example/2"),
        ],
    )
    assert [row.deal_id for row in read(both, UNKNOWN)[1]] == ["1"]
    assert [row.deal_id for row in read(both, "USD")[1]] == ["2"]
    assert read(both, "EUR") == (0, [])


def test_pages_are_read_one_after_the_other(both: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    both.restart(NOW)
    both.say(*(deal(f"{n:02}", amount=None if n % 2 else n, currency="USD") for n in range(1, 12)))
    monkeypatch.setattr(unpriced_rows, "PAGE", 2)
    count, deals = read(both)
    assert count == len(deals) == 11
    assert len({row.deal_id for row in deals}) == 11


@settings(max_examples=25)
@given(data=st.data())
def test_the_list_has_the_deals_that_the_warnings_count(both: Ledger, data: st.DataObject) -> None:
    live_through(both, data)
    board = both.read()
    unknown, deals = read(both, UNKNOWN)
    assert unknown == len(deals) == board.totals["amount_unknown"]["deals"]
    for currency, count in board.unconverted.items():
        assert read(both, currency)[0] == count
    everything = read(both)[1]
    assert len(everything) == unknown + sum(board.unconverted.values())
    assert {deal.currency for deal in everything if deal.amount is not None} == set(board.unconverted)

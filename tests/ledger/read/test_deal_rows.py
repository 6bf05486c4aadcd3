"""Refusals deal by deal, on both databases: the very deals that the board's sums are made of."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from service.calendar import shifted
from service.config import zone
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.read import deal_rows
from service.ledger.read.board import LossRow, Selection
from service.ledger.read.deal_rows import LostDeal, RefusalReader
from service.model import SECOND, Change, Day, Instant, Value, earlier, later
from tests import oracle
from tests.histories import MINUTE, RATES, at, numbered
from tests.ledger.drawn import live_through
from tests.ledger.offices import OFFICE, FixedClock, Ledger
from tests.ledger.statements import counted

NOW = at("2026-11-23T12:00:00+03:00")
TODAY = Day(date(2026, 11, 23).toordinal())
EVER = Selection(shifted(TODAY, -4000), shifted(TODAY, 400))


def reader(ledger: Ledger) -> RefusalReader:
    return RefusalReader(ledger.database, {ledger.account.id: ledger.account}, ledger.clock)


def read(ledger: Ledger, selection: Selection = EVER, *reason_ids: str | None) -> list[LostDeal]:
    """The refusals of a selection: with some reasons, else with any."""
    with reader(ledger).read(ledger.account.id, selection) as refusals:
        return list(refusals.deals(reason_ids or {row.reason_id for row in refusals.by_reason}))


def ids(deals: list[LostDeal]) -> list[str]:
    return [deal.deal_id for deal in deals]


def lost(deal_id: str, moment: Instant = NOW, **fields: Value) -> Change:
    version = max(NOW, moment)
    return Change("deal", deal_id, version, {"known": True, "status": "lost", "closed_at": moment, **fields})


@settings(max_examples=40)
@given(data=st.data())
def test_the_deals_add_up_to_the_boards_losses_whatever_happened(both: Ledger, data: st.DataObject) -> None:
    scene, history = live_through(both, data)
    board = both.read(scene.selections)
    truth = oracle.truth_of(numbered(history), scene.now, both.account)
    for selection in scene.selections:
        with reader(both).read("office", selection) as refusals:
            assert sorted(refusals.by_reason, key=str) == sorted(board.losses[selection], key=str)
            assert (refusals.seq, refusals.as_of) == (board.seq, scene.now)
            deals = list(refusals.deals({row.reason_id for row in refusals.by_reason}))
            for row in refusals.by_reason:
                own = [deal for deal in deals if deal.reason_id == row.reason_id]
                assert (len(own), sum(deal.amount for deal in own)) == (row.count, row.amount)
                assert list(refusals.deals([row.reason_id])) == own
        assert len(deals) == sum(row.count for row in refusals.by_reason)
        assert [deal.day for deal in deals] == sorted((deal.day for deal in deals), reverse=True)
        for deal in deals:
            known = truth.deals[deal.deal_id]
            assert deal.client == truth.client_names.get(deal.client_id or "")
            assert (deal.name, deal.url, deal.client_id) == (known.name, known.url, known.client_id)
            assert (deal.manager_id, deal.pipeline_id) == (known.manager_id, known.pipeline_id)
            assert deal.unconverted == known.unconverted


def test_another_accounts_deals_are_never_read(ledger: Ledger, ledger_url: str) -> None:
    other = Ledger(ledger_url, NOW, replace(OFFICE, id="other"))
    named = Change("client", "c", NOW, {"name": "Мария"})
    other.say(lost("theirs", client_id="c"), lost("same", amount=900), named)
    ledger.say(lost("ours", client_id="c"), lost("same", amount=100))
    assert {deal.deal_id: (deal.amount, deal.client) for deal in read(ledger)} == {
        "ours": (0, None),
        "same": (100, None),
    }
    assert sorted(ids(read(other))) == ["same", "theirs"]
    other.close()


def test_a_deal_that_is_reopened_or_deleted_is_gone_and_can_come_back(ledger: Ledger) -> None:
    ledger.say(lost("a"), lost("b"), lost("c"))
    ledger.say(
        Change("deal", "a", later(NOW, 1), {"status": "open"}),
        Change("deal", "b", later(NOW, 1), deleted=True),
    )
    assert ids(read(ledger)) == ["c"]
    ledger.say(Change("deal", "a", later(NOW, 2), {"status": "lost", "closed_at": NOW + MINUTE}))
    assert ids(read(ledger)) == ["a", "c"]


def test_days_begin_at_midnight_in_the_accounts_zone(ledger: Ledger) -> None:
    midnight = at("2026-11-23T00:00:00+03:00")
    ledger.say(lost("before", earlier(midnight, 1)), lost("first", midnight))
    ledger.say(
        lost("last", later(midnight, 24 * 60 * MINUTE - 1)),
        lost("after", later(midnight, 24 * 60 * MINUTE)),
    )
    assert ids(read(ledger, Selection(TODAY, TODAY))) == ["last", "first"]
    assert ids(read(ledger, Selection(shifted(TODAY, -1), shifted(TODAY, -1)))) == ["before"]
    assert ids(read(ledger, Selection(shifted(TODAY, -1), shifted(TODAY, 1)))) == [
        "after",
        "last",
        "first",
        "before",
    ]


def test_a_day_that_clocks_went_back_into_has_all_of_its_deals(ledger: Ledger) -> None:
    """In St John's it was one minute past midnight, and then 23:01 of the day before again."""
    ledger.configure(replace(OFFICE, zone=zone("America/St_Johns")))
    ledger.restart(NOW)
    ledger.say(lost("first", at("2010-11-07T02:30:30+00:00")), lost("again", at("2010-11-07T02:40:00+00:00")))
    saturday = date(2010, 11, 6).toordinal()
    for day, deal in ((saturday, "again"), (saturday + 1, "first")):
        assert ids(read(ledger, Selection(Day(day), Day(day)))) == [deal]
        (sums,) = ledger.read([Selection(Day(day), Day(day))]).losses.values()
        assert [row.count for row in sums] == [1]


def test_many_deals_of_one_moment_are_read_page_by_page(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.say(*(lost(f"d{n}", earlier(NOW, n // 4 * SECOND), reason_id=f"r{n % 3}") for n in range(11)))
    whole = read(ledger)
    assert sorted(ids(whole)) == sorted(f"d{n}" for n in range(11))
    monkeypatch.setattr(deal_rows, "PAGE", 3)
    assert read(ledger) == whole
    some = read(ledger, EVER, "r1", "r2")
    assert some == [deal for deal in whole if deal.reason_id != "r0"]
    monkeypatch.setattr(deal_rows, "NAMED_REASONS", 1)
    assert read(ledger, EVER, "r1", "r2") == some
    assert read(ledger, EVER, "unheard-of") == []


def test_a_refusal_is_what_the_projections_make_of_it(ledger: Ledger) -> None:
    ledger.configure(replace(OFFICE, rates=RATES))
    ledger.restart(NOW)
    ledger.say(
        lost("usd", NOW, amount=1, currency="USD", reason_id="", manager_id="", pipeline_id=""),
        lost(
            "eur",
            earlier(NOW, 1),
            amount=100,
            currency="EUR",
            reason_id="r",
            manager_id="m",
            name="Абонемент",
            client_id="7",
        ),
        Change("client", "7", NOW, {"phone": "+79001234567"}),
        Change("reason", "r", NOW, {"name": "Выбрал других"}),
        Change("manager", "m", NOW, {"name": "Анна"}),
    )
    usd, eur = read(ledger)
    assert (usd.amount, usd.unconverted, usd.reason_id, usd.manager_id, usd.pipeline_id) == (92, *[None] * 4)
    assert (eur.amount, eur.unconverted, eur.name, eur.day) == (0, "EUR", "Абонемент", TODAY)
    assert (usd.phone, eur.phone) == (None, "+79001234567")
    with reader(ledger).read("office", EVER) as refusals:
        assert LossRow("r", "Выбрал других", 1, 0) in refusals.by_reason
        assert refusals.manager_names == {"m": "Анна"}


def test_every_statement_names_the_account_and_lost_deals_are_found_by_their_index(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger.say(lost("a"), lost("b"))
    monkeypatch.setattr(deal_rows, "PAGE", 1)
    with counted(ledger.readers) as statements:
        read(ledger)
    selects = [text for text in statements if not text.startswith(("BEGIN", "PRAGMA", "SELECT pg_", "show "))]
    assert len(selects) > 4
    assert [text for text in selects if "account" not in text] == []
    if ledger.readers.dialect.name == "sqlite":
        statement = deal_rows._statement(OFFICE, EVER, {"", "r"}, (NOW, "a"))
        written = statement.compile(ledger.readers, compile_kwargs={"literal_binds": True})
        with ledger.readers.begin() as connection:
            plan = str(connection.execute(text(f"EXPLAIN QUERY PLAN {written}")).all())
        assert "deals_lost" in plan
        assert "TEMP B-TREE" not in plan


def test_a_database_that_is_away_is_said_to_be() -> None:
    database = Database("sqlite:////nowhere/at/all.db")
    reader = RefusalReader(database, {"office": OFFICE}, FixedClock(NOW))
    with pytest.raises(Unavailable), reader.read("office", EVER):
        raise AssertionError("it was read")

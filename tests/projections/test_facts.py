"""Why a deal was lost, as its record says: a reason, none, or one that is not known yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.calendar import EARLIEST, day_start, local_day
from service.config import zone
from service.model import DAY, SECOND, UNDATED, Change, Day, Instant, Value, later
from service.money import NO_CURRENCY
from service.projections.facts import NOBODY, PENDING, DealFacts, Rules, deal_facts, task_facts
from service.projections.merge import Record, merge
from tests.histories import at

ASKS = Rules(zone("Europe/Moscow"), "RUB", {}, asks=True)


def reason(rules: Rules, fields: Mapping[str, Value]) -> str:
    """The reason of a lost deal with these fields."""
    record = Record()
    merge(record, Change("deal", "42", Instant(1), {"known": True, "status": "lost", **fields}), 1)
    return deal_facts("42", record, rules).reason_id


@pytest.mark.parametrize(
    ("fields", "with_api", "without_api"),
    [
        ({"reason_id": "7"}, "7", "7"),
        ({"reason_id": None}, NOBODY, NOBODY),  # the CRM says that there is none
        ({}, PENDING, NOBODY),  # not known yet
    ],
)
def test_a_reason_is_pending_while_it_is_unset_and_the_api_can_tell_it(
    fields: Mapping[str, Value], with_api: str, without_api: str
) -> None:
    assert reason(ASKS, fields) == with_api
    assert reason(replace(ASKS, asks=False), fields) == without_api


def deal(*changes: Change) -> DealFacts:
    """The facts of a deal after some changes, each of a delivery of its own."""
    record = Record()
    for number, change in enumerate(changes, start=1):
        merge(record, change, number)
    return deal_facts("42", record, ASKS)


def said(version: str, **fields: Value) -> Change:
    return Change("deal", "42", at(version), {"known": True, **fields})


def day(moment: Instant) -> Day:
    return ASKS.day(moment)


@pytest.mark.parametrize("name", ["Europe/Moscow", "Asia/Kathmandu", "Pacific/Apia", "America/St_Johns"])
@given(day=st.integers(0, 40 * 366), seconds=st.integers(-120, 120), micros=st.sampled_from([0, 1, -1]))
def test_the_day_of_a_minute_is_that_of_each_of_its_moments(
    name: str, day: int, seconds: int, micros: int
) -> None:
    rules = replace(ASKS, zone=zone(name))
    midnight = day_start(Day(EARLIEST // DAY + 719_163 + 1 + day), rules.zone)
    moment = later(midnight, seconds * SECOND + micros)
    assert rules.day(moment) == local_day(moment, rules.zone)


@pytest.mark.parametrize(("moment", "day"), [("02:30:59.999999Z", 29), ("02:31:00Z", 28), ("03:30:00Z", 29)])
def test_a_clock_that_goes_back_a_minute_after_midnight_returns_to_the_day_before(
    moment: str, day: int
) -> None:
    rules = replace(ASKS, zone=zone("America/St_Johns"))
    assert date.fromordinal(rules.day(at(f"2006-10-29T{moment}"))).day == day


PLANNED = at("2026-11-30T12:00:00+03:00")
MADE_LOST = said("2026-11-20T12:00:00+03:00", status="lost")
HISTORIES = {
    "a plan that nobody moved": (
        said("2026-11-02T12:00:00+03:00", status="open", closed_at=PLANNED),
        MADE_LOST,
        said("2026-11-22T12:00:00+03:00", status="lost", closed_at=PLANNED),
    ),
    "later on the same day": (
        MADE_LOST,
        said("2026-11-20T12:00:00+03:00", closed_at=at("2026-11-20T23:59:00+03:00")),
    ),
    "imported without a time of change": (
        Change("deal", "42", UNDATED, {"known": True, "status": "lost", "closed_at": PLANNED}),
        MADE_LOST,
    ),
}


@pytest.mark.parametrize("name", HISTORIES)
def test_a_closing_day_after_the_change_that_made_the_deal_lost_is_not_believed(name: str) -> None:
    for changes in permutations(HISTORIES[name]):
        assert deal(*changes).lost_day == day(MADE_LOST.version)


def test_an_imported_closing_day_is_believed_while_nothing_else_is_known() -> None:
    imported = Change("deal", "42", UNDATED, {"known": True, "status": "lost", "closed_at": PLANNED})
    assert deal(imported).lost_day == day(PLANNED)


@pytest.mark.parametrize(
    ("fields", "amount", "unknown", "unconverted"),
    [
        ({"amount": 500}, 500, False, None),
        ({"amount": 0}, 0, False, None),
        ({}, 0, True, None),
        ({"amount": None}, 0, True, None),
        ({"amount": 500, "currency": NO_CURRENCY}, 0, True, None),
        ({"amount": 500, "currency": "USD"}, 0, False, "USD"),
        ({"amount": None, "currency": "USD"}, 0, True, None),
        ({"amount": 500, "currency": None}, 500, False, None),
    ],
)
def test_an_amount_is_known_unknown_or_without_a_rate(
    fields: Mapping[str, Value], amount: int, unknown: bool, unconverted: str | None
) -> None:
    facts = deal(said("2026-11-20T12:00:00+03:00", **fields))
    assert (facts.amount, facts.amount_unknown, facts.unconverted) == (amount, unknown, unconverted)


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"deal_id": "42"}, True),
        ({"client_id": "7"}, True),
        ({"deal_id": None, "client_id": "7"}, True),
        ({"deal_id": None, "client_id": None}, False),
        ({}, False),
    ],
)
def test_a_task_counts_only_on_a_deal_or_a_client(fields: Mapping[str, Value], counts: bool) -> None:
    record = Record()
    merge(record, Change("task", "t", Instant(1), {"text": "Call", "due_at": 1, **fields}), 1)
    assert (task_facts("t", record, ASKS) is not None) is counts

"""No number that can be told overflows a sum: on both databases the ledger takes the largest of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, get_args

import pytest

from service.calendar import EARLIEST, LATEST
from service.ledger.write import needs
from service.ledger.write.batch import load
from service.model import (
    AMOUNT_LIMIT,
    COUNTED_LIMIT,
    SUMMANDS,
    Change,
    Decoded,
    Delivery,
    Instant,
    Need,
    Status,
    Value,
    merger_id,
)
from service.projections import FLOW
from service.projections.facts import Moment, Rules, deal_facts, task_facts
from service.projections.flow import Cells, Contribution, EntitySums, Relation
from service.projections.merge import Record
from tests.ledger.offices import OFFICE, Ledger

NOW: Final = Instant(1_795_420_000_000_000)
RATES: Final = {
    "USD": Decimal(999_999_999),
    "JPY": Decimal("0.000000001"),
    "KWD": Decimal("999999999.999999999"),
}
BIGINT: Final = 2**63


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    ledger = Ledger(ledger_url, NOW, replace(OFFICE, rates=RATES))
    yield ledger
    ledger.close()


def deal(deal_id: str, amount: int | None, currency: str = "RUB", **fields: Any) -> Change:
    told: dict[str, Value] = {"known": True, "status": "open", "amount": amount, "currency": currency}
    return Change("deal", deal_id, NOW, {**told, **fields})


def test_an_amount_that_its_rate_makes_too_large_is_unknown_and_harms_no_neighbour(ledger: Ledger) -> None:
    outcome = ledger.say(
        deal("1", 518_400),
        deal("2", AMOUNT_LIMIT, "USD"),
        deal("3", -AMOUNT_LIMIT, "KWD"),
        deal("4", AMOUNT_LIMIT, "JPY"),
        deal("5", COUNTED_LIMIT + 1),
        deal("6", COUNTED_LIMIT),
    )
    assert outcome.status == "applied"
    rows = ledger.read()
    assert rows.totals["no_next_step"] == {"deals": 6, "amount": 518_400 + 10_000_000 + COUNTED_LIMIT}
    assert rows.totals["amount_unknown"] == {"deals": 3}
    assert rows.unconverted == {}
    assert ledger.differences() == []


def test_as_many_of_the_largest_amounts_as_promised_can_be_summed_up(ledger: Ledger) -> None:
    """A row stands for all but one of them: that is what they would come to."""
    ledger.say(deal("1", COUNTED_LIMIT, status="lost", manager_id="3"))
    with ledger.engine.begin() as connection:
        for table in ("losses", "loss_days"):
            connection.exec_driver_sql(f"UPDATE {table} SET amount = amount * {SUMMANDS - 2}")
    assert ledger.say(deal("2", COUNTED_LIMIT, status="lost")).status == "applied"
    assert ledger.say(deal("3", COUNTED_LIMIT, status="lost", closed_at=EARLIEST)).status == "applied"
    with ledger.engine.begin() as connection:
        summed = connection.exec_driver_sql("SELECT SUM(amount) FROM loss_days").scalar_one()
    assert int(summed) == COUNTED_LIMIT * SUMMANDS


def test_no_contribution_is_too_large_to_be_summed_up_that_often() -> None:
    largest = max(abs(measure) for _, _, measures in every_contribution() for measure in measures)
    assert largest >= COUNTED_LIMIT
    assert largest * SUMMANDS < BIGINT


def every_contribution() -> Iterator[Contribution]:
    """What tasks and deals contribute whose numbers are the extremes of what adapters let through."""
    rules = Rules(OFFICE.zone, "RUB", RATES)
    ends = EARLIEST, LATEST
    for due_at, completed_at, now in itertools.product(ends, (None, *ends), ends):
        told: dict[str, Value] = {"deal_id": "1", "due_at": due_at, "completed": completed_at is not None}
        task = task_facts("t", Record({**told, "completed_at": completed_at}), rules)
        assert task is not None
        for today in {task.done_day or rules.day(now), rules.day(now)}:
            yield from FLOW.task(task, Moment(now, today))
    about: dict[Relation, Cells] = {
        relation: {("1", "")[: len(relation.key)]: (1,) * len(relation.measures)}
        for relation in FLOW.feeding["deal"]
    }
    for status, amount, currency in itertools.product(
        get_args(Status), (AMOUNT_LIMIT, COUNTED_LIMIT, -COUNTED_LIMIT), ("RUB", *RATES)
    ):
        said: dict[str, Value] = {
            "known": True,
            "status": status,
            "amount": amount,
            "currency": currency,
            "closed_at": NOW,
        }
        yield from FLOW.deal(deal_facts("1", Record(said), rules), EntitySums("1", about))


def test_ids_and_texts_of_any_length_and_script_are_stored(ledger: Ledger) -> None:
    longest = ["\U0010ffff" * 200, "ж" * 200, "x" * 200]
    for one, other, third in itertools.permutations(longest):
        links = {"client_id": other, "manager_id": third, "pipeline_id": one, "reason_id": other}
        assert ledger.say(deal(one, 100, status="lost", name=one, **links)).status == "applied"
        assert ledger.say(deal(one, 100, status="open", **links)).status == "applied"
        told: dict[str, Value] = {"deal_id": one, "manager_id": third, "due_at": EARLIEST, "text": other}
        assert ledger.say(Change("task", f"{one}{other}"[:200], NOW, told)).status == "applied"
    assert ledger.differences() == []
    assert {row.client_id for row in ledger.read().clients.values()} <= set(longest)


def test_no_statement_grows_with_the_number_of_ids(ledger: Ledger) -> None:
    """PostgreSQL takes 65 535 parameters, and a body of a MiB has room for more ids."""
    many = [f"{number}" for number in range(70_000)]
    ledger.say(deal("1", 100, client_id="69999"), Change("task", "2", NOW, {"client_id": "7"}))
    gone = [Change("client", one, NOW, deleted=True) for one in many]
    delivery = Delivery("office", NOW, {}, b"", Decoded("gone", tuple(gone)))
    with ledger.engine.begin() as connection:
        linked = load._linked(connection, "office", [merger_id("client", one) for one in many])
        wanted = needs.of_deleted_clients(connection, "office", [(9, delivery)])
    assert {entity: set(records) for entity, records in linked.items()} == {"deal": {"1"}, "task": {"2"}}
    assert wanted == {Need("deal", "1"): 9, Need("task", "2"): 9}

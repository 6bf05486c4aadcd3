"""Bitrix24's two kinds of tasks, and its limits, against its simulation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from random import Random

import pytest

from service.demo.crms.bitrix24.crm import OPERATING, Bitrix24
from service.demo.office import Office
from service.ledger.write import state
from tests.demo.clock import StillClock
from tests.demo.postman import Faults
from tests.demo.random_history import HABITS, random_history
from tests.sync.connected import Connected, connected
from tests.sync.crms import CRMS


async def test_todos_of_the_crm_are_tasks_beside_those_of_the_portal(
    sqlite_ledgers: Callable[[], str],
) -> None:
    random, clock = Random(24), StillClock()
    truth = Office(clock)
    vendor = Bitrix24(truth, todos=True)
    history = random_history(truth, random, 500, HABITS[vendor.kind])
    for _ in range(200):
        next(history)
        clock.advance(random.uniform(1, 900))
    async with connected(
        vendor, CRMS["bitrix24"].account(vendor), clock, sqlite_ledgers, Faults()
    ) as service:
        await service.work()
        assert await service.board() == service.truth()
        for event in history:
            await service.postman.tell(event)
            clock.advance(random.uniform(0, 60))
            if random.random() < 0.1:
                await service.work()
        await service.postman.flush()
        await service.reconcile()
        assert await service.board() == service.truth()
        assert await service.quarantined() == []
    assert {vendor.renderer.is_todo(task) for task in truth.tasks.values()} == {True, False}


async def test_a_backfill_outlasts_a_method_that_is_blocked_for_its_cost(
    sqlite_ledgers: Callable[[], str],
) -> None:
    random, clock = Random(24), StillClock()
    truth = Office(clock)
    vendor = Bitrix24(truth, cost=OPERATING)
    for _ in random_history(truth, random, 300, HABITS[vendor.kind]):
        clock.advance(random.uniform(1, 900))
    async with connected(vendor, CRMS["bitrix24"].account(vendor), clock, sqlite_ledgers) as service:
        await service.work()
        assert vendor.statuses[429] > 0
        assert await service.board() == service.truth()


DAY = 86_400


@pytest.fixture
async def lost_once(sqlite_ledgers: Callable[[], str]) -> AsyncIterator[tuple[Connected, Office, StillClock]]:
    """A service that knows an open deal and an open lead, whose portal's webhooks get lost."""
    clock = StillClock()
    truth = Office(clock)
    vendor = Bitrix24(truth)
    for n in range(5):
        truth.add_deal(f"d{n}", 100, None, 31, 11)
    async with connected(vendor, CRMS["bitrix24"].account(vendor), clock, sqlite_ledgers) as service:
        await service.work()
        yield service, truth, clock


async def reasons(service: Connected) -> dict[str, object]:
    """The reason of each lost deal."""
    ids = ["70004", "lead:70005"]
    records = await service.database.read(lambda connection: state.load(connection, "office", "deal", ids))
    return {id: record.values["reason_id"] for id, record in records.items()}


OF_PIPELINE_11 = {"70004": "C11:UC_R00210", "lead:70005": "lead:UC_R00210"}


@pytest.mark.parametrize("heals_by", ["webhook", "reconciliation"])
async def test_a_deal_keeps_the_day_and_the_reason_that_only_its_history_knows(
    heals_by: str, lost_once: tuple[Connected, Office, StillClock]
) -> None:
    service, truth, clock = lost_once
    clock.advance(DAY)
    for deal in (70004, 70005):
        truth.lose(deal, "Дорого")
    clock.advance(2 * DAY)
    archived = [truth.edit_deal(deal, pipeline_id=12) for deal in (70004, 70005)]
    if heals_by == "webhook":
        for event in archived:
            await service.postman.tell(event)
        await service.work()
    else:
        await service.reconcile()
    assert await service.differing() == set()
    assert await reasons(service) == OF_PIPELINE_11
    assert await service.board() == service.truth()


async def test_a_deal_that_was_reopened_unseen_counts_on_the_later_day(
    lost_once: tuple[Connected, Office, StillClock],
) -> None:
    service, truth, clock = lost_once
    for event in [truth.lose(deal, "Дорого") for deal in (70004, 70005)]:
        await service.postman.tell(event)
    await service.work()
    clock.advance(DAY)
    for deal in (70004, 70005):
        truth.reopen(deal)
    clock.advance(DAY)
    for event in [truth.lose(deal, "Выбрал других") for deal in (70004, 70005)]:
        await service.postman.tell(event)
    await service.work()
    assert await service.differing() == set()
    assert await service.board() == service.truth()


async def test_a_backfill_knows_what_was_archived_before_it(sqlite_ledgers: Callable[[], str]) -> None:
    clock = StillClock()
    truth = Office(clock)
    vendor = Bitrix24(truth)
    for n in range(5):
        truth.add_deal(f"d{n}", 100, None, 31, 11)
    for deal in (70004, 70005):
        truth.lose(deal, "Дорого")
    clock.advance(3 * DAY)
    for deal in (70004, 70005):
        truth.edit_deal(deal, pipeline_id=12)
    async with connected(vendor, CRMS["bitrix24"].account(vendor), clock, sqlite_ledgers) as service:
        await service.work()
        assert await service.differing() == set()
        assert await reasons(service) == OF_PIPELINE_11
        assert await service.board() == service.truth()


async def test_a_portal_without_leads_or_histories_is_read_all_the_same(
    sqlite_ledgers: Callable[[], str],
) -> None:
    random, clock = Random(24), StillClock()
    truth = Office(clock)
    vendor = Bitrix24(truth, classic=False)
    vendor.api.methods = {
        name: method for name, method in vendor.api.methods.items() if name != "crm.stagehistory.list"
    }
    for _ in random_history(truth, random, 100, HABITS[vendor.kind]):
        clock.advance(random.uniform(1, 900))
    async with connected(vendor, CRMS["bitrix24"].account(vendor), clock, sqlite_ledgers) as service:
        await service.work()
        assert await service.board() == service.truth()
        assert await service.reconcile() == 0
        assert await service.quarantined() == []

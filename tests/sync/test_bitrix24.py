"""Bitrix24's two kinds of tasks, and its limits, against its simulation."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from service.demo.crms.bitrix24.crm import OPERATING, Bitrix24
from service.demo.office import Office
from tests.demo.clock import StillClock
from tests.demo.postman import Faults
from tests.demo.random_history import HABITS, random_history
from tests.sync.connected import connected
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

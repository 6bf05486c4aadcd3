"""What amoCRM's webhooks do not say, against its simulation."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

from service.demo.crms.amocrm.crm import AmoCRM
from service.demo.office import Office
from tests.demo.clock import StillClock
from tests.demo.random_history import HABITS, random_history
from tests.sync.connected import Connected, connected
from tests.sync.crms import ADDRESS, CRMS
from tests.sync.small_office import ANNA, SALES, add_deal

DAY = 86_400


@asynccontextmanager
async def office_of(
    ledgers: Callable[[], str], live: Callable[[Office], None], *, unsorted: bool = False
) -> AsyncIterator[Connected]:
    """An office that has lived for a while, and is connected now; webhooks are posted by hand alone."""
    clock = StillClock()
    office = Office(clock)
    vendor = AmoCRM(office, unsorted=unsorted)
    vendor.connect(ADDRESS)
    live(office)
    clock.advance(60)
    async with connected(vendor, CRMS["amocrm"].account(vendor), clock, ledgers) as service:
        await service.work()
        yield service


async def test_an_open_lead_is_read_however_old_it_is(sqlite_ledgers: Callable[[], str]) -> None:
    clock = StillClock()
    office = Office(clock)
    vendor = AmoCRM(office)
    vendor.connect(ADDRESS)
    old, closed = add_deal(office).id, add_deal(office).id
    office.lose(closed, "Дорого")
    clock.advance(500 * DAY)
    add_deal(office)
    async with connected(vendor, CRMS["amocrm"].account(vendor), clock, sqlite_ledgers) as service:
        await service.work()
        assert (await service.board())["at_risk"]["no_next_step"]["deals"] == 2
        assert await service.board() == service.truth()
        office.add_task("позвонить", ANNA, int(clock()) - 60, deal_id=old)
        await service.reconcile()
        assert await service.board() == service.truth()


async def test_a_task_was_completed_when_the_log_of_events_says_so(
    sqlite_ledgers: Callable[[], str],
) -> None:
    def live(office: Office) -> None:
        deal = add_deal(office).id
        office.add_task("позвонить", ANNA, int(office.now()) - 60, deal_id=deal)

    async with office_of(sqlite_ledgers, live) as service:
        office, clock = service.vendor.office, service.clock.still
        (task,) = office.tasks
        office.complete(task)
        clock.advance(7200)
        office.edit_task(task, "позвонил")
        clock.advance(600)
        await service.reconcile()
        assert await service.board() == service.truth()
        office.reopen_task(task)
        clock.advance(3600)
        office.complete(task)
        clock.advance(600)
        await service.reconcile()
        assert await service.differing() == set()
        assert await service.board() == service.truth()


async def test_a_merger_leaves_no_ghost_though_no_webhook_tells_it(
    sqlite_ledgers: Callable[[], str],
) -> None:
    def live(office: Office) -> None:
        for name in ("Иван Петров", "И. Петров"):
            client = office.add_client(name).id
            for amount in (100, 300):
                deal = office.add_deal("Абонемент", amount, client, ANNA, SALES).id
                office.add_task("позвонить", ANNA, int(office.now()) - 60, deal_id=deal)
            office.add_task("поздравить", ANNA, int(office.now()) - 60, client_id=client)

    async with office_of(sqlite_ledgers, live) as service:
        vendor = service.vendor
        assert isinstance(vendor, AmoCRM)
        assert (await service.board())["at_risk"]["clients"] == 2
        vendor.merge(*vendor.office.clients.values())
        deals = list(vendor.office.deals.values())
        vendor.merge(deals[0], deals[3])
        service.clock.still.advance(600)
        await service.reconcile()
        assert (await service.board())["at_risk"]["clients"] == 1
        assert await service.board() == service.truth()


async def test_incoming_leads_are_on_the_board_when_they_are_accepted(
    sqlite_ledgers: Callable[[], str],
) -> None:
    async with office_of(sqlite_ledgers, lambda _office: None, unsorted=True) as service:
        for event in random_history(service.vendor.office, Random(5), 150, HABITS["amocrm"]):
            await service.postman.tell(event)
            service.clock.still.advance(30)
        await service.work()
        assert len(service.vendor.office.deals) > 5
        assert await service.board() == service.truth()

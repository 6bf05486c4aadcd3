"""HubSpot: choices by their labels, and merged records, against the simulated vendor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import cast

import pytest

from service.adapters.hubspot.options import HubSpotOptions
from service.config import Account
from service.demo.crms.crm import Webhook
from service.demo.crms.hubspot.crm import HubSpot
from service.demo.office import Deal, Office
from tests.demo.clock import StillClock
from tests.sync.connected import Connected, connected
from tests.sync.crms import account_of, connecting

Ledgers = Callable[[], str]


@asynccontextmanager
async def office(
    ledgers: Ledgers, configure: Callable[[Account], Account] = lambda account: account
) -> AsyncIterator[tuple[Connected, HubSpot, Office]]:
    """A service that is connected to an office in HubSpot, whose records of a month ago are read."""
    clock = StillClock()
    records = Office(clock)
    vendor = cast("HubSpot", connecting(HubSpot).vendor(records))
    async with connected(vendor, configure(account_of(vendor)), clock, ledgers) as service:
        yield service, vendor, records


def promised(records: Office, name: str) -> tuple[int, Deal]:
    """A client with a deal and an overdue task on it; returns the client's id, and the deal."""
    client = records.add_client(name).id
    deal = records.add_deal(name, 10_000, client, next(iter(records.managers)), next(iter(records.pipelines)))
    records.add_task("перезвонить", next(iter(records.managers)), int(records.now()) - 60, deal_id=deal.id)
    return client, records.deals[deal.id]


async def learn(service: Connected, vendor: HubSpot, webhook: Webhook, *, told: bool) -> None:
    """Have the service learn what a webhook tells: from it, or from the next reconciliation."""
    if told:
        await service.deliver(vendor.outgoing(webhook, 0))
        await service.work()
    else:
        service.clock.still.advance(600)
        await service.reconcile()


async def test_a_choice_is_shown_by_its_label(sqlite_ledgers: Ledgers) -> None:
    def by_choice(account: Account) -> Account:
        own = account.options
        assert isinstance(own, HubSpotOptions)
        return replace(account, options=HubSpotOptions(account=own.account, reason_field="lost_reason"))

    async with office(sqlite_ledgers, by_choice) as (service, _, records):
        manager, pipeline = next(iter(records.managers)), next(iter(records.pipelines))
        first, second = list(records.reasons.values())[:2]
        for reason in (first, second):
            deal = records.add_deal("x", 10_000, None, manager, pipeline).id
            records.lose(deal, reason)
        await service.work()
        assert await service.board() == service.truth()
        assert {row["reason"] for row in (await service.board())["losses"]["reasons"]} == {first, second}


@pytest.mark.parametrize("told", [True, False])
async def test_merged_deals_leave_no_ghost_and_their_tasks_stay(told: bool, sqlite_ledgers: Ledgers) -> None:
    async with office(sqlite_ledgers) as (service, vendor, records):
        (_, first), (_, second) = promised(records, "Иван"), promised(records, "Ваня")
        await service.work()
        assert (await service.board())["at_risk"]["clients"] == 2
        service.clock.still.advance(600)
        await learn(service, vendor, vendor.merge(first, second), told=told)
        assert (await service.board())["at_risk"]["tasks"] == 2
        assert await service.board() == service.truth()
        assert await service.quarantined() == []


@pytest.mark.parametrize("told", [True, False])
async def test_merged_clients_leave_no_ghost(told: bool, sqlite_ledgers: Ledgers) -> None:
    async with office(sqlite_ledgers) as (service, vendor, records):
        (first, _), (second, _) = promised(records, "Иван"), promised(records, "Ваня")
        await service.work()
        service.clock.still.advance(600)
        merger = vendor.merge(records.clients[first], records.clients[second])
        await learn(service, vendor, merger, told=told)
        assert (await service.board())["at_risk"]["clients"] == 1
        assert await service.board() == service.truth()
        assert await service.quarantined() == []


async def test_an_imported_refusal_counts_on_the_day_it_came_to_its_stage(sqlite_ledgers: Ledgers) -> None:
    async with office(sqlite_ledgers) as (service, _, records):
        manager, pipeline = next(iter(records.managers)), next(iter(records.pipelines))
        deals = [records.add_deal("x", 10_000, None, manager, pipeline).id for _ in range(3)]
        imported = next(deal for deal in deals if deal % 3 == 0)
        records.lose(imported, "Дорого")
        service.clock.still.advance(3 * 86_400)
        records.edit_deal(imported, name="y")
        await service.work()
        assert await service.differing() == set()
        assert await service.board() == service.truth()

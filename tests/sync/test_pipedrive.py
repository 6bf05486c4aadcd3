"""Pipedrive: merged records, against the simulated vendor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

import pytest

from service.demo.crms.pipedrive.crm import Pipedrive
from service.demo.crms.pipedrive.mergers import merge
from service.demo.office import Deal, Office
from tests.demo.clock import StillClock
from tests.sync.connected import Connected, connected
from tests.sync.crms import account_of, connecting

Ledgers = Callable[[], str]


@asynccontextmanager
async def office(ledgers: Ledgers) -> AsyncIterator[tuple[Connected, Pipedrive, Office]]:
    """A service that is connected to an office in Pipedrive."""
    clock = StillClock()
    records = Office(clock)
    vendor = cast("Pipedrive", connecting(Pipedrive).vendor(records))
    async with connected(vendor, account_of(vendor), clock, ledgers) as service:
        yield service, vendor, records


def promised(records: Office, name: str, *, company: bool = False) -> tuple[int, Deal]:
    """A client with a deal, and an overdue activity on each; returns the client's id, and the deal."""
    manager, pipeline = next(iter(records.managers)), next(iter(records.pipelines))
    client = records.add_client(name, company).id
    deal = records.add_deal(name, 10_000, client, manager, pipeline)
    records.add_task("перезвонить", manager, int(records.now()) - 60, deal_id=deal.id)
    records.add_task("поздравить", manager, int(records.now()) - 60, client_id=client)
    return client, records.deals[deal.id]


@pytest.mark.parametrize("told", [(0, 1), (1, 0), (0,), (1,)])
async def test_merged_deals_leave_no_ghost_and_their_activities_stay(
    told: tuple[int, ...], sqlite_ledgers: Ledgers
) -> None:
    async with office(sqlite_ledgers) as (service, vendor, records):
        (_, first), (_, second) = promised(records, "Иван"), promised(records, "Ваня")
        await service.work()
        assert await service.board() == service.truth()
        service.clock.still.advance(600)
        webhooks = merge(vendor, first, second)
        for number in told:
            await service.deliver(vendor.outgoing(webhooks[number], 0))
            await service.work()
        assert (await service.board())["at_risk"]["tasks"] == 4
        assert await service.board() == service.truth()


@pytest.mark.parametrize("company", [False, True])
@pytest.mark.parametrize("told", [(0, 1), (1, 0), (0,), (1,)])
async def test_merged_clients_leave_no_ghost(
    told: tuple[int, ...], company: bool, sqlite_ledgers: Ledgers
) -> None:
    async with office(sqlite_ledgers) as (service, vendor, records):
        first, _ = promised(records, "Иван", company=company)
        second, _ = promised(records, "Ваня", company=company)
        await service.work()
        assert (await service.board())["at_risk"]["clients"] == 2
        service.clock.still.advance(600)
        webhooks = merge(vendor, records.clients[first], records.clients[second])
        for number in told:
            await service.deliver(vendor.outgoing(webhooks[number], 0))
            await service.work()
        assert (await service.board())["at_risk"]["clients"] == 1
        assert await service.board() == service.truth()
        assert await service.quarantined() == []

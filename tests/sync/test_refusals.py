"""Forged requests to the endpoint, for each CRM: they are refused and leave only a metric. A repeated genuine
request changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from service.config import Account, Secret
from service.demo.crms.crm import SimulatedCRM, Webhook
from service.demo.office import Office
from service.ledger.write import log
from tests.demo.clock import StillClock
from tests.sync.connected import Connected, connected
from tests.sync.crms import CRMS

Forge = Callable[[Account], Account]


def other_secret(account: Account) -> Account:
    """The account with another secret than the request's."""
    return replace(account, webhook_secrets=(Secret("somebody:else"),))


def other_account(account: Account) -> Account:
    """The account with the request's secret and another id in the CRM."""
    options = {name: "999" for name in account.options.__struct_fields__ if name in ("account", "domain")}
    return replace(account, options=type(account.options)(**options))


def a_deal(vendor: SimulatedCRM) -> Webhook:
    """The webhook of a new deal."""
    office = vendor.office
    office.add_client("Иван")
    event = office.add_deal(
        name="Абонемент",
        amount=518400,
        client_id=None,
        manager_id=next(iter(office.managers)),
        pipeline_id=next(iter(office.pipelines)),
    )
    return vendor.webhooks(event)[0]


async def stored(service: Connected) -> int:
    """The number of deliveries."""
    return await service.database.read(lambda connection: log.newest_number(connection, "office"))


async def posted(
    kind: str, ledgers: Callable[[], str], forge: Forge, late: float = 0.0
) -> tuple[list[str], int]:
    """Post a genuine request twice to the account that `forge` returns; returns the counted results and the
    number of deliveries."""
    clock = StillClock()
    vendor = CRMS[kind].vendor(Office(clock))
    account = forge(CRMS[kind].account(vendor))
    async with connected(vendor, account, clock, ledgers) as service:
        request = vendor.outgoing(a_deal(vendor), 0)
        clock.advance(late)
        await service.deliver(request)
        await service.deliver(request)
        return service.metrics.webhooks, await stored(service)


@pytest.mark.parametrize("kind", CRMS)
async def test_a_genuine_request_is_stored_once_however_often_it_comes(
    kind: str, sqlite_ledgers: Callable[[], str]
) -> None:
    assert await posted(kind, sqlite_ledgers, lambda account: account) == (["applied", "duplicate"], 1)


@pytest.mark.parametrize("kind", CRMS)
@pytest.mark.parametrize("forge", [other_secret, other_account])
async def test_a_forged_request_leaves_no_trace(
    kind: str, forge: Forge, sqlite_ledgers: Callable[[], str]
) -> None:
    results, deliveries = await posted(kind, sqlite_ledgers, forge)
    assert deliveries == 0
    assert len(results) == 2
    assert all(result.startswith("not_authentic_") for result in results), results


@pytest.mark.parametrize("kind", ["hubspot"])
async def test_a_request_that_is_signed_and_late_leaves_no_trace(
    kind: str, sqlite_ledgers: Callable[[], str]
) -> None:
    results, deliveries = await posted(kind, sqlite_ledgers, lambda account: account, late=301.0)
    assert (results, deliveries) == (["not_authentic_stale"] * 2, 0)

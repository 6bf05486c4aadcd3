"""The CRM's webhook is checked: the board says when it is off, and what was lost meanwhile is repaired."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.demo.crms.amocrm.crm import SETTINGS, AmoCRM
from service.model import SECOND
from service.sync.runner import CHECK_WEBHOOK_EVERY
from tests.sync.connected import Connected
from tests.sync.crms import ADDRESS
from tests.sync.small_office import add_deal, asked, read, small_office, troubles, without_address


async def watch(service: Connected) -> None:
    """Work on to the next check of the webhook."""
    service.clock.still.advance(CHECK_WEBHOOK_EVERY / SECOND)
    await service.work()


def renew(service: Connected) -> None:
    """Somebody switches the webhook on again."""
    assert isinstance(service.vendor, AmoCRM)
    for destination in list(service.vendor.hooks) or [f"{ADDRESS}?token={service.vendor.webhook_secret}"]:
        service.vendor.subscribe(destination, SETTINGS)


async def test_the_board_says_that_the_webhook_is_off_and_once_it_is_on_the_gap_is_repaired(
    service: Connected,
) -> None:
    await service.work()
    assert await troubles(service) == []
    service.vendor.disable_webhook()
    await service.postman.tell(add_deal(service.vendor.office))
    await watch(service)
    assert await troubles(service) == ["webhook_off"]
    assert await service.board() != service.truth()
    renew(service)
    await watch(service)
    assert await troubles(service) == []
    assert (await read(service)).repaired == 1
    assert await service.board() == service.truth()


async def test_a_gap_is_repaired_even_right_after_a_reconciliation(
    service: Connected,
) -> None:
    await service.work()
    service.vendor.disable_webhook()
    await watch(service)
    service.clock.still.advance(CHECK_WEBHOOK_EVERY / SECOND - 60)
    await service.reconcile()
    await service.postman.tell(add_deal(service.vendor.office))
    renew(service)
    service.clock.still.advance(120)
    await service.work()
    assert await troubles(service) == []
    assert await service.board() == service.truth()


@pytest.mark.parametrize("deals", [0])
async def test_a_webhook_that_is_not_there_at_all_is_off(service: Connected) -> None:
    assert isinstance(service.vendor, AmoCRM)
    service.vendor.hooks.clear()
    await service.work()
    assert await troubles(service) == ["webhook_off"]
    renew(service)
    await watch(service)
    assert await troubles(service) == []


async def test_the_webhook_is_checked_every_ten_minutes(service: Connected) -> None:
    await service.work()
    assert asked(service, "webhooks") == 1
    for _ in range(9):
        service.clock.still.advance(60)
        await service.work()
    assert asked(service, "webhooks") == 1
    service.clock.still.advance(120)
    await service.work()
    assert asked(service, "webhooks") == 2


async def test_the_webhook_is_not_checked_without_our_own_address(sqlite_ledgers: Callable[[], str]) -> None:
    async with small_office(sqlite_ledgers, 0, without_address) as service:
        await service.work()
        await watch(service)
        assert asked(service, "webhooks") == 0
        assert await troubles(service) == []


@pytest.mark.parametrize("status", [429, 500])
@pytest.mark.parametrize("deals", [0])
async def test_an_api_that_does_not_answer_says_nothing_of_the_webhook(
    service: Connected, status: int
) -> None:
    await service.work()
    service.clock.still.advance(CHECK_WEBHOOK_EVERY / SECOND)
    service.vendor.fail_next(1, status)
    await service.work()
    assert await troubles(service) == []

"""The CRM's webhook is watched: the board says when it is off, and what was lost meanwhile is mended."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from service.demo.crms.amocrm.crm import SETTINGS, AmoCRM
from service.model import SECOND
from service.sync.runner import CHECK_WEBHOOK_EVERY
from tests.sync.connected import Connected
from tests.sync.crms import ADDRESS
from tests.sync.told import add_deal, asked, read, told, without_address


async def watch(service: Connected) -> None:
    """Work on to the next look at the webhook."""
    service.clock.still.advance(CHECK_WEBHOOK_EVERY / SECOND)
    await service.work()


def renew(service: Connected) -> None:
    """Somebody switches the webhook on again."""
    assert isinstance(service.vendor, AmoCRM)
    for destination in list(service.vendor.hooks) or [f"{ADDRESS}?token={service.vendor.webhook_secret}"]:
        service.vendor.subscribe(destination, SETTINGS)


def test_a_webhook_that_the_crm_switched_off_is_told_until_it_is_on_and_the_gap_is_mended(
    sqlite_ledgers: Callable[[], str],
) -> None:
    async def story(service: Connected) -> None:
        await service.work()
        assert (await read(service)).problem == ""
        service.vendor.disable_webhook()
        await service.postman.tell(add_deal(service.vendor.office))
        await watch(service)
        assert (await read(service)).problem == "webhook_off"
        assert await service.board() != service.truth()
        renew(service)
        await watch(service)
        assert (await read(service)).problem == ""
        assert (await read(service)).repaired == 1
        assert await service.board() == service.truth()

    told(sqlite_ledgers, story, deals=3)


def test_a_gap_is_mended_however_short_a_while_ago_the_last_reconciliation_was(
    sqlite_ledgers: Callable[[], str],
) -> None:
    async def story(service: Connected) -> None:
        await service.work()
        service.vendor.disable_webhook()
        await watch(service)
        service.clock.still.advance(CHECK_WEBHOOK_EVERY / SECOND - 60)
        await service.reconcile()
        await service.postman.tell(add_deal(service.vendor.office))
        renew(service)
        service.clock.still.advance(120)
        await service.work()
        assert (await read(service)).problem == ""
        assert await service.board() == service.truth()

    told(sqlite_ledgers, story, deals=3)


def test_a_webhook_that_is_not_there_at_all_is_off(sqlite_ledgers: Callable[[], str]) -> None:
    async def story(service: Connected) -> None:
        assert isinstance(service.vendor, AmoCRM)
        service.vendor.hooks.clear()
        await service.work()
        assert (await read(service)).problem == "webhook_off"
        renew(service)
        await watch(service)
        assert (await read(service)).problem == ""

    told(sqlite_ledgers, story)


def test_it_is_looked_at_every_ten_minutes_and_only_where_our_address_is_known(
    sqlite_ledgers: Callable[[], str],
) -> None:
    async def story(service: Connected) -> None:
        await service.work()
        assert asked(service, "webhooks") == 1
        for _ in range(9):
            service.clock.still.advance(60)
            await service.work()
        assert asked(service, "webhooks") == 1
        service.clock.still.advance(120)
        await service.work()
        assert asked(service, "webhooks") == 2

    async def silent(service: Connected) -> None:
        await service.work()
        await watch(service)
        assert asked(service, "webhooks") == 0
        assert (await read(service)).problem == ""

    told(sqlite_ledgers, story)
    told(sqlite_ledgers, silent, configured=without_address)


@pytest.mark.parametrize("status", [429, 500])
def test_an_api_that_does_not_answer_says_nothing_of_the_webhook(
    status: int, sqlite_ledgers: Callable[[], str]
) -> None:
    async def story(service: Connected) -> None:
        await service.work()
        service.clock.still.advance(CHECK_WEBHOOK_EVERY / SECOND)
        service.vendor.fail_next(1, status)
        await service.work()
        assert (await read(service)).problem == ""

    told(sqlite_ledgers, story)

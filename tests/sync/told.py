"""Short stories of an office that keeps its books in a simulated amoCRM."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial

from service.calendar import local_day
from service.config import Account
from service.demo.crms.amocrm.crm import AmoCRM
from service.demo.office import Event, Office
from service.ledger.read.board import BoardRows
from service.ledger.write import needs
from service.ledger.write.needs import Wanted
from service.live.board.ranges import ranges
from service.model import Need
from tests.demo.clock import StillClock
from tests.sync.connected import VIEW, Connected, connected
from tests.sync.crms import ADDRESS, CRMS

ANNA, SALES, DEAR = 31, 11, "Дорого"

Story = Callable[[Connected], Awaitable[None]]


def told(
    ledgers: Callable[[], str],
    story: Story,
    *,
    deals: int = 0,
    configured: Callable[[Account], Account] = lambda account: account,
) -> None:
    """Tell a story of an office that has some open deals already."""

    async def whole() -> None:
        clock = StillClock()
        office = Office(clock)
        vendor = AmoCRM(office)
        vendor.connect(ADDRESS)
        for _ in range(deals):
            add_deal(office)
            clock.advance(60)
        account = configured(CRMS["amocrm"].account(vendor))
        async with connected(vendor, account, clock, ledgers) as service:
            await story(service)

    asyncio.run(whole())


def without_address(account: Account) -> Account:
    """An account that does not say where the CRM reaches it."""
    return replace(account, public_url=None)


def add_deal(office: Office, amount: int = 518400) -> Event:
    """An open deal of a client of its own."""
    client = office.add_client("Иван Петров").id
    return office.add_deal("Абонемент", amount, client, ANNA, SALES)


async def read(service: Connected, since: BoardRows | None = None) -> BoardRows:
    """What the board is read as now."""
    shown = ranges(VIEW, local_day(service.clock.now(), service.account.zone))
    return await asyncio.to_thread(partial(service.reader.read, "office", shown.selections, since))


async def reasons(service: Connected) -> list[str]:
    """The reasons of refusals, as the board calls them."""
    return sorted(each["reason"] for each in (await service.board())["losses"]["reasons"])


async def wanted(service: Connected, after: float = 0.0) -> Sequence[Wanted]:
    """The needs for which it is time, now or some seconds later."""
    now = service.clock.now() + round(after * 1_000_000)
    return await service.transactions.read(lambda connection: needs.due(connection, "office", now, 1_000))


async def want(service: Connected, *wants: Need) -> None:
    """Have the API asked for something."""
    now = service.clock.now()
    await service.transactions.write(
        lambda connection: needs.note(connection, "office", dict.fromkeys(wants, 1), now)
    )


def asked(service: Connected, path: str) -> int:
    """How often a list of the API was asked for."""
    return service.vendor.requests[f"GET /api/v4/{path}"]


def calls(service: Connected) -> int:
    """How many calls there were."""
    return service.vendor.requests.total()

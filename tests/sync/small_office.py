"""A small office with a simulated amoCRM, and functions for tests with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
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
from service.model import Instant, Need
from tests.demo.clock import StillClock
from tests.sync.connected import VIEW, Connected, connected
from tests.sync.crms import ADDRESS, CRMS

ANNA, SALES, DEAR = 31, 11, "Дорого"


@asynccontextmanager
async def small_office(
    ledgers: Callable[[], str], deals: int, configured: Callable[[Account], Account] = lambda account: account
) -> AsyncIterator[Connected]:
    """A connected office that has some open deals already."""
    clock = StillClock()
    office = Office(clock)
    vendor = AmoCRM(office)
    vendor.connect(ADDRESS)
    for _ in range(deals):
        add_deal(office)
        clock.advance(60)
    async with connected(vendor, configured(CRMS["amocrm"].account(vendor)), clock, ledgers) as service:
        yield service


def without_address(account: Account) -> Account:
    """The account without its `public_url`."""
    return replace(account, public_url=None)


def add_deal(office: Office, amount: int = 518400) -> Event:
    """An open deal of a client of its own."""
    client = office.add_client("Иван Петров").id
    return office.add_deal("Абонемент", amount, client, ANNA, SALES)


async def read(service: Connected, since: BoardRows | None = None) -> BoardRows:
    """The board's rows now."""
    shown = ranges(VIEW, local_day(service.clock.now(), service.account.zone))
    return await asyncio.to_thread(partial(service.reader.read, "office", shown.selections, since))


async def troubles(service: Connected) -> list[str]:
    """The codes of what is wrong, as the board reads them."""
    return [trouble.code for trouble in (await read(service)).troubles]


async def reasons(service: Connected) -> list[str]:
    """The names of the reasons on the board."""
    return sorted(row["reason"] for row in (await service.board())["losses"]["reasons"])


async def wanted(service: Connected, after: float = 0.0) -> Sequence[Wanted]:
    """The needs that are due now, or some seconds later."""
    now = Instant(service.clock.now() + round(after * 1_000_000))
    return await service.database.read(lambda connection: needs.due(connection, "office", now, 1_000))


async def want(service: Connected, *wants: Need) -> None:
    """Store needs."""
    now = Instant(service.clock.now())
    await service.database.write(
        lambda connection: needs.note(connection, "office", dict.fromkeys(wants, 1), now)
    )


def asked(service: Connected, path: str) -> int:
    """The number of calls for a list of the API."""
    return service.vendor.requests[f"GET /api/v4/{path}"]


def calls(service: Connected) -> int:
    """The number of calls."""
    return service.vendor.requests.total()

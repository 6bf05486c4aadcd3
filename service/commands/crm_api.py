"""What the commands ask of a CRM: a backfill, carried out here or followed where it is being carried out, and
the registration of its webhook."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx

from service.adapters import ADAPTERS
from service.adapters.api import Api, Subscribing
from service.clock import Clock
from service.config import Account, Config
from service.ledger.database.transactions import Transactions
from service.ledger.upkeep.attach import beside
from service.ledger.write import syncs
from service.ledger.write.syncs import Sync, SyncRun
from service.metrics import Metrics
from service.sync.client import Client
from service.sync.runner import AccountSync, webhook_address

LOOKS: Final = 0.2
"""Seconds between two looks at how far a backfill has come."""


class NotAsked(Exception):
    """The CRM cannot be asked, or refuses; the operator mends the configuration."""


@dataclass(frozen=True, slots=True)
class Subscribed:
    """What there is to say of the webhook.

    Args:
        state: `there` when the CRM posts to us already, `added` when it does from now on, `by_hand` when
            somebody has to add it.
        steps: By hand: what to do, a line each.
    """

    state: str
    steps: Sequence[str] = ()


def api_of(account: Account) -> Api:
    """The API of an account's CRM.

    Raises:
        NotAsked: It has none, or the configuration has no token for it.
    """
    api = ADAPTERS[account.crm].api
    if api is None or account.api is None:
        raise NotAsked(f"account {account.id}: its CRM cannot be asked: there is no [accounts.api]")
    return api


async def backfill(
    config: Config, account: Account, clock: Clock, progress: Callable[[SyncRun], None]
) -> Sync:
    """Bring an account up to now: from the beginning, or on from where an earlier backfill was cut off.

    While a service works the account's API, the service does it, and this follows; else this does it.

    Args:
        progress: Told again and again how far it has come.

    Raises:
        NotAsked: The CRM cannot be asked, or refuses the token.
        SchemaError: The database is not migrated.
        Unavailable: The database is away.
    """
    api = api_of(account)
    async with _work(config, account, api, clock) as (transactions, sync):
        began_at = clock.now()
        await transactions.write(lambda connection: syncs.begin_again(connection, account.id, began_at))
        working = asyncio.create_task(sync.run())
        try:
            while True:
                state = await transactions.read(lambda connection: syncs.read(connection, account.id))
                if state.run is None or state.run.kind != "backfill":
                    return state
                progress(state.run)
                if state.problem == "api_refused":
                    raise NotAsked(f"account {account.id}: the CRM's API refuses the token")
                await asyncio.wait([working], timeout=LOOKS)
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working


@contextlib.asynccontextmanager
async def _work(
    config: Config, account: Account, api: Api, clock: Clock
) -> AsyncIterator[tuple[Transactions, AccountSync]]:
    """The parts of a service that ask a CRM, and no more."""
    async with beside(config.database_url, account, clock) as ledger, httpx.AsyncClient() as http:
        writer, transactions = ledger.writer, ledger.transactions
        metrics = Metrics(lambda: writer.depth, lambda: 0)
        yield transactions, AccountSync(account, api, transactions, writer, http, clock, metrics)


async def subscribe(account: Account, clock: Clock) -> Subscribed:
    """Have the CRM post its webhooks to us: by its API where that can, else by what somebody has to do.

    Raises:
        NotAsked: There is no `public_url`, or the CRM refuses.
    """
    if account.public_url is None:
        raise NotAsked(f"account {account.id}: say public_url in the configuration: where the CRM posts to")
    address = webhook_address(account)
    adapter = ADAPTERS[account.crm]
    api = adapter.api
    if not isinstance(api, Subscribing) or account.api is None:
        return Subscribed("by_hand", adapter.steps(account, address))
    async with httpx.AsyncClient() as http:
        client = Client(account, adapter.api, http, clock, lambda _verdict: None)
        result = await client.send(api.webhooks(account))
        if result.verdict == "answered" and api.is_off(result.answer, address) is False:
            return Subscribed("there")
        for call in api.subscribe(account, address):
            result = await client.send(call)
            if result.verdict != "answered":
                raise NotAsked(f"account {account.id}: the CRM answers with {result.answer.status}")
    return Subscribed("added")

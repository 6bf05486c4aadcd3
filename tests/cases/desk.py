"""One account of the service at a fixed moment, to which a case is fed: webhooks over HTTP, and answers of a
fake vendor to the questions of the sync. Time advances only while the sync waits."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from service.adapters import ADAPTERS
from service.brake import Brake
from service.calendar import local_day
from service.config import Account
from service.config_file import parse
from service.http.around.address import Address
from service.ledger.database.database import Database
from service.ledger.read.reader import BoardReader
from service.ledger.write import heads, log, syncs
from service.ledger.write.log import Quarantined
from service.ledger.write.syncs import Sync, SyncRun
from service.ledger.write.writer import Writer
from service.live.board.build import build_snapshot
from service.live.board.query import BoardQuery
from service.live.board.ranges import ranges
from service.metrics import Metrics
from service.model import SECOND, Instant
from service.sync.runner import AccountSync
from service.webhooks.endpoint import WebhookEndpoint

NOW: Final = Instant(1_795_705_200 * SECOND)
"""2026-11-26T18:00:00+03:00, at which every case is fed."""

CASES: Final = Path(os.environ.get("LOSSBOARD_CASES") or Path(__file__).parents[3] / "shared" / "cases")
"""The folder of real-world cases, if there is one beside the checkout; it has a folder for each CRM."""

Vendor = Callable[[httpx.Request], httpx.Response]
"""Answers a call of the sync."""


@dataclass
class PassingClock:
    """Stands still, except that each wait advances it."""

    moment: Instant = NOW

    def now(self) -> Instant:
        """See `Clock`."""
        return self.moment

    def monotonic(self) -> float:
        """See `Clock`."""
        return self.moment / SECOND

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        """See `Clock`."""
        if not wake.is_set():
            self.moment = Instant(self.moment + round(seconds * SECOND))
        await asyncio.sleep(0)


@dataclass
class Desk:
    """The account, and what a test does with it."""

    account: Account
    clock: PassingClock
    database: Database
    sync: AccountSync | None
    metrics: Metrics
    _reader: BoardReader
    _posting: httpx.AsyncClient
    asked: list[httpx.Request] = field(default_factory=list)
    """The calls that the vendor got."""

    async def post(
        self, body: bytes, headers: Mapping[str, str], query: str = "", path: str = ""
    ) -> httpx.Response:
        """Post a webhook to the account."""
        address = path or f"/webhooks/{self.account.id}"
        url = f"https://board.example{address}{query and '?'}{query}"
        return await self._posting.post(url, content=body, headers=headers)

    async def ask(self) -> None:
        """Run the sync until there is nothing to do at this moment: needs, the backfill, and so on."""
        assert self.sync is not None, "the account has no API"
        while await self.sync.turn() <= 0:
            pass

    async def reconcile(self) -> None:
        """Run a reconciliation now."""
        state = await self.state()
        run = SyncRun("reconcile", self.clock.now(), since=state.synced_at or Instant(0))
        await self.database.write(lambda connection: syncs.begin(connection, self.account.id, run))
        await self.ask()

    async def state(self) -> Sync:
        """The account's row in `syncs`."""
        return await self.database.read(lambda connection: syncs.read(connection, self.account.id))

    async def quarantined(self) -> list[Quarantined]:
        """What could not be decoded."""
        return await self.database.read(lambda connection: log.quarantined(connection, self.account.id))

    async def snapshot(self, period: str = "month") -> dict[str, Any]:
        """The board's JSON."""
        query = BoardQuery(self.account.id, period, "amount", "json", self.account.language)
        shown = ranges(query, local_day(self.clock.now(), self.account.zone))
        rows = await asyncio.to_thread(self._reader.read, self.account.id, shown.selections)
        board: dict[str, Any] = msgspec.to_builtins(build_snapshot(rows, self.account, query, shown))
        return board


def configured(crm: str, **keys: object) -> Account:
    """The account as the cases want it, with more keys of the configuration."""
    own = {"id": "office", "title": "Office", "crm": crm, "timezone": "Europe/Moscow", "currency": "RUB"}
    return parse({"accounts": [{**own, "public_url": "https://board.example", **keys}]}, {}).accounts[0]


def refusing(_request: httpx.Request) -> httpx.Response:
    """A vendor that is away."""
    return httpx.Response(503)


@contextlib.asynccontextmanager
async def desk(
    ledgers: Callable[[], str], account: Account, vendor: Vendor = refusing
) -> AsyncIterator[Desk]:
    """The account on an empty database of its own.

    Args:
        vendor: Answers the calls of the sync, which the account has if it has `[accounts.api]`.
    """
    clock, database = PassingClock(), Database(ledgers())
    with database.writing() as connection:
        heads.ensure(connection, account, clock.now())
    accounts = {account.id: account}
    writer = Writer(database, accounts, clock)
    writer.start()
    metrics = Metrics()
    service = Starlette(
        routes=[
            Route("/webhooks/{account}", WebhookEndpoint(accounts, writer, clock, metrics, Brake(clock)))
        ],
        middleware=[Middleware(Address)],
    )
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return vendor(request)

    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app=service)) as posting,
        httpx.AsyncClient(transport=httpx.MockTransport(answer)) as asking,
    ):
        api = ADAPTERS[account.crm].api
        sync = None
        if account.api is not None and api is not None:
            sync = AccountSync(account, api, database, writer, asking, clock, metrics)
        reader = BoardReader(database, accounts, clock)
        yield Desk(account, clock, database, sync, metrics, reader, posting, asked)
    await writer.stop()
    database.close()

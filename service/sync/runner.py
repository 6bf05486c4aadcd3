"""Runs an account's sync while the service runs: needs first, because somebody sees them missing on the
board, then the run in progress, then whatever is due by the clock.

Only one process at a time works on an account (`ledger.write.syncs` has the lease), so that the vendor's pace
holds for any number of nodes.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from functools import partial
from typing import Final

import httpx

from service.adapters.api import Api, Subscribing
from service.clock import Clock, Steps
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.write import needs, syncs
from service.ledger.write.heads import CLOCK_SKEW
from service.ledger.write.syncs import LEASE, Sync, SyncRun
from service.ledger.write.writer import Writer
from service.metrics import Metrics
from service.model import SECOND, Instant, Micros
from service.sync.client import CallResult, Client
from service.sync.crm import Crm
from service.sync.needs import NeedFetcher, backoff
from service.sync.reason_field import look_up
from service.sync.runs import RunExecutor
from service.sync.troubles import Troubles

RENEW_EVERY: Final = Micros(LEASE // 4)
"""How often a lease is renewed, and how often a process tries to get a lease that another one holds."""

RECONCILE_EVERY: Final = Micros(6 * 3600 * SECOND)
"""How often a reconciliation looks for what webhooks lost."""

GAP: Final = Micros(300 * SECOND)
"""A service that was down for longer reconciles as it starts."""

CHECK_WEBHOOK_EVERY: Final = Micros(600 * SECOND)
"""How often the CRM is asked whether it has switched the webhook off."""

CHECK_FIELD_EVERY: Final = Micros(3600 * SECOND)
"""How often the CRM is asked whether it has the field that the configuration names as `reason_field`."""

REFUSED_WAIT: Final = Micros(600 * SECOND)
"""How long an API that refused a call is left alone."""

UNAVAILABLE_SECONDS: Final = 1.0
"""The wait before the next attempt when the database is away."""

_log = logging.getLogger(__name__)


class AccountSync:
    """The sync of one account. `run` goes on until it is cancelled."""

    def __init__(
        self,
        account: Account,
        api: Api,
        database: Database,
        writer: Writer,
        http: httpx.AsyncClient,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._account = account
        self._api = api
        self._clock = clock
        client = Client(account, api, http, clock, partial(metrics.api_call, account.id))
        self._crm = Crm(account, api, client, database, writer, clock)
        self._fetcher = NeedFetcher(self._crm)
        self._troubles = Troubles(account.id, database, clock)
        on_repaired = partial(metrics.repaired, account.id)
        self._executor = RunExecutor(self._crm, self._fetcher, self._troubles, on_repaired)
        self._lease_taken_at: float | None = None
        self._steps = Steps(clock)
        self._wake = asyncio.Event()
        self._back_off_until = 0.0
        self._failures = 0
        self._webhook_checked_at: float | None = None
        self._field_checked_at: float | None = None
        self._is_run_next = False
        self._reconcile_after = GAP  # at first, because the service may have been down

    def wake(self) -> None:
        """Look for needs at once; called when a delivery may have left something out."""
        self._wake.set()

    async def run(self) -> None:
        """Work whenever there is something to do."""
        try:
            while True:
                self._wake.clear()
                try:
                    seconds = await self.turn()
                except Unavailable as error:
                    _log.warning(
                        "%s: sync waits for the database: %s",
                        self._account.id,
                        error,
                        extra={"account": self._account.id},
                    )
                    self._reconcile_after = GAP
                    seconds = UNAVAILABLE_SECONDS
                except Exception:  # a defect in one account's sync must not end the others'
                    _log.exception("%s: sync failed", self._account.id, extra={"account": self._account.id})
                    seconds = REFUSED_WAIT / SECOND
                if seconds > 0:
                    await self._clock.wait(seconds, self._wake)
        finally:
            with contextlib.suppress(Unavailable):
                await self._crm.write(
                    partial(syncs.release, account=self._account.id, holder=self._crm.holder)
                )

    async def turn(self) -> float:
        """Do one thing; returns the seconds until there may be another."""
        now = self._clock.now()
        sync = await self._lease(now)
        if sync is None:
            return RENEW_EVERY / SECOND
        if self._steps.look() <= -CLOCK_SKEW:
            await self._crm.write(partial(needs.hasten, account=self._account.id, now=now))
        if (left := self._back_off_until - self._clock.monotonic()) > 0:
            # On an event of its own: needs must not end this wait, because the CRM wants to be left alone.
            await self._clock.wait(min(left, RENEW_EVERY / SECOND), asyncio.Event())
            return 0
        if not self._is_run_next and (batch := await self._fetcher.due()):
            result = await self._fetcher.fetch(batch)
            # While needs fail, a run goes on between them: what it asks for may work.
            self._is_run_next = result is not None and not result.is_answer
            await self._note_result(result)
            return 0
        self._is_run_next = False
        if self._is_due(self._field_checked_at, CHECK_FIELD_EVERY):
            self._field_checked_at = self._clock.monotonic()
            await self._check_field()
            return 0
        run = sync.run or await self._begin_due_run(sync, now)
        if run is not None:
            await self._note_result(await self._executor.step(run))
            return 0
        if self._is_due(self._webhook_checked_at, CHECK_WEBHOOK_EVERY):
            self._webhook_checked_at = self._clock.monotonic()
            await self._check_webhook()
            return 0
        return await self._idle_seconds(now)

    def _is_due(self, last_at: float | None, every: Micros) -> bool:
        return last_at is None or self._clock.monotonic() - last_at >= every / SECOND

    async def _lease(self, now: Instant) -> Sync | None:
        """Take or renew the lease; returns the account's state, or None while another process has it."""
        account_id = self._account.id
        if not self._is_due(self._lease_taken_at, RENEW_EVERY):
            return await self._crm.read(lambda connection: syncs.read(connection, account_id))
        sync = await self._crm.write(
            lambda connection: syncs.take(connection, account_id, self._crm.holder, now)
        )
        self._lease_taken_at = None if sync is None else self._clock.monotonic()
        return sync

    async def _idle_seconds(self, now: Instant) -> float:
        """Seconds until the next need is due, or the lease."""
        due_at = await self._crm.read(lambda connection: needs.next_at(connection, self._account.id))
        return (RENEW_EVERY if due_at is None else min(RENEW_EVERY, max(0, due_at - now))) / SECOND

    async def _begin_due_run(self, sync: Sync, now: Instant) -> SyncRun | None:
        """Begin the first backfill, or a reconciliation that is due."""
        after, self._reconcile_after = self._reconcile_after, RECONCILE_EVERY
        # A run that began in the future began before the clock was set back: nobody knows how long ago.
        if sync.synced_at is None or sync.synced_at - now > CLOCK_SKEW:
            run = SyncRun("backfill", now)
        elif now - sync.synced_at >= after:
            run = SyncRun("reconcile", now, since=sync.synced_at)
        else:
            return None
        return await self._crm.write(lambda connection: syncs.begin(connection, self._account.id, run))

    async def _note_result(self, result: CallResult | None) -> None:
        """Back off after a failed call, and keep the troubles with the API up to date."""
        if result is None:
            return
        await self._troubles.note(result)
        if result.is_answer:
            self._failures = 0
            return
        at_least = REFUSED_WAIT if result.meaning == "refused" else backoff(self._failures)
        wait = max(at_least, round(result.retry_seconds * SECOND))
        self._failures += 1
        self._back_off_until = self._clock.monotonic() + wait / SECOND

    async def _check_field(self) -> None:
        """Ask the CRM whether it has the field that the configuration names as `reason_field`."""
        looked_up = await look_up(self._api, self._account, self._crm.client)
        if looked_up is None:
            await self._troubles.missing_field(None)
            return
        result, exists = looked_up
        await self._note_result(result)
        if result.is_answer:
            await self._troubles.missing_field(None if exists else self._account.reason_field)

    async def _check_webhook(self) -> None:
        """Ask the CRM whether it still posts its webhooks; once it does again, reconcile at once."""
        if not isinstance(self._api, Subscribing) or self._account.public_url is None:
            return
        result = await self._crm.client.send(self._api.webhooks(self._account))
        await self._note_result(result)
        if result.meaning != "answered":
            return
        is_off = self._api.is_off(result.answer, self._account.webhook_address) is not False
        if await self._troubles.webhook_off(is_off=is_off) and not is_off:
            self._reconcile_after = Micros(0)

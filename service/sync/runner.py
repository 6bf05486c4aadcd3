"""Works each account's API, as long as the service runs: needs first, for somebody waits for them on the
wall, then the pass under way, then what is due by the clock.

One process at a time works an account (`ledger.syncs` has the lease), so that a vendor's pace holds however
many nodes there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final, Protocol

import httpx

from service.adapters.api import Api, Subscribing
from service.clock import Clock
from service.config import Account
from service.ledger.database.outcome import Unavailable
from service.ledger.database.transactions import Transactions
from service.ledger.write import needs, syncs
from service.ledger.write.syncs import LEASE, Sync, SyncRun
from service.model import SECOND, Instant, SyncProblem
from service.sync.client import Client, Fetched
from service.sync.crm import Crm, Writer
from service.sync.needs import NeedFetcher, backoff
from service.sync.runs import Passing

RENEWED: Final = LEASE // 4
"""How often a lease is renewed, and looked for when another process has it."""

RECONCILED: Final = 6 * 3600 * SECOND
"""How often what webhooks lost is looked for."""

GAP: Final = 300 * SECOND
"""A service that was away for longer looks for what it lost as it starts."""

WATCHED: Final = 600 * SECOND
"""How often the CRM is asked whether it has switched the webhook off."""

REFUSED_WAIT: Final = 600 * SECOND
"""How long an API is left alone that has refused the token."""

PAUSE: Final = 1.0
"""Seconds before another attempt when the database was away."""

_log = logging.getLogger(__name__)


class Metrics(Protocol):
    """Where calls, and what they mend, are counted."""

    def api_call(self, account_id: str, verdict: str) -> None:
        """Count one call."""
        ...

    def missed(self, account_id: str, changes: int) -> None:
        """Count what a reconciliation mended."""
        ...


class AccountSync:
    """One account's part. `run` goes on until it is cancelled."""

    def __init__(
        self,
        account: Account,
        api: Api,
        transactions: Transactions,
        writer: Writer,
        http: httpx.AsyncClient,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._account = account
        self._api = api
        self._clock = clock
        client = Client(account, api, http, clock, partial(metrics.api_call, account.id))
        self._crm = Crm(account, api, client, transactions, writer, clock)
        self._asking = NeedFetcher(self._crm)
        self._passing = Passing(self._crm, self._asking, partial(metrics.missed, account.id))
        self._taken_at: Instant | None = None
        self._wake = asyncio.Event()
        self._rests_until: Instant = 0
        self._failures = 0
        self._watched_at: Instant | None = None
        self._looks_after: Instant = GAP  # until it is known that there was no gap

    def wake(self) -> None:
        """There may be a need."""
        self._wake.set()

    async def run(self) -> None:
        """Work whenever there is something to do."""
        try:
            while True:
                self._wake.clear()
                try:
                    seconds = await self.turn()
                except Unavailable as error:
                    _log.warning("%s: asking the CRM waits: %s", self._account.id, error)
                    self._looks_after = GAP
                    seconds = PAUSE
                except Exception:  # a defect in one account's part must not end the others'
                    _log.exception("%s: asking the CRM failed", self._account.id)
                    seconds = REFUSED_WAIT / SECOND
                if seconds > 0:
                    await self._clock.wait(seconds, self._wake)
        finally:
            with contextlib.suppress(Unavailable):
                await self._crm.write(
                    partial(syncs.release, account=self._account.id, holder=self._crm.holder)
                )

    async def turn(self) -> float:
        """Do one thing; the seconds until there is another."""
        now = self._clock.now()
        held = await self._take(now)
        if held is None:
            return RENEWED / SECOND
        if now < self._rests_until:
            # Not to be woken by needs: the CRM wants to be left alone.
            await self._clock.wait(min(self._rests_until - now, RENEWED) / SECOND, asyncio.Event())
            return 0
        if wanted := await self._asking.due():
            await self._heed(await self._asking.ask(wanted), held)
            return 0
        passing = held.run or await self._due(held, now)
        if passing is not None:
            await self._heed(await self._passing.step(passing), held)
            return 0
        if self._watched_at is None or now - self._watched_at >= WATCHED:
            self._watched_at = now
            await self._watch(held)
            return 0
        return await self._idle(now)

    async def _take(self, now: Instant) -> Sync | None:
        """How far the account has come, if the lease is ours."""
        account_id = self._account.id
        if self._taken_at is not None and 0 <= now - self._taken_at < RENEWED:
            return await self._crm.read(lambda connection: syncs.read(connection, account_id))
        held = await self._crm.write(
            lambda connection: syncs.take(connection, account_id, self._crm.holder, now)
        )
        self._taken_at = None if held is None else now
        return held

    async def _idle(self, now: Instant) -> float:
        """Seconds for which there is nothing to do."""
        at = await self._crm.read(lambda connection: needs.next_at(connection, self._account.id))
        return (RENEWED if at is None else min(RENEWED, max(0, at - now))) / SECOND

    async def _due(self, held: Sync, now: Instant) -> SyncRun | None:
        """A pass that is to begin: the first one, or one for which it is time."""
        after, self._looks_after = self._looks_after, RECONCILED
        if held.synced_at is None:
            passing = SyncRun("backfill", now)
        elif now - held.synced_at >= after:
            passing = SyncRun("reconcile", now, since=held.synced_at)
        else:
            return None
        return await self._crm.write(lambda connection: syncs.begin(connection, self._account.id, passing))

    async def _heed(self, fetched: Fetched | None, held: Sync) -> None:
        """Leave the CRM alone for as long as it wants, and say when it refuses the token."""
        if fetched is None:
            return
        if fetched.verdict in ("answered", "gone"):
            self._failures = 0
            if held.problem == "api_refused":
                await self._tell("")
            return
        said = 0 if fetched.wait is None else round(fetched.wait * SECOND)
        least = REFUSED_WAIT if fetched.verdict == "refused" else backoff(self._failures)
        self._failures += 1
        self._rests_until = self._clock.now() + max(said, least)
        if fetched.verdict == "refused":
            await self._tell("api_refused")

    async def _watch(self, held: Sync) -> None:
        """See whether the CRM still posts its webhooks; what was lost until it did again is looked for."""
        if not isinstance(self._api, Subscribing) or self._account.public_url is None:
            return
        fetched = await self._crm.client.fetch(self._api.webhooks(self._account))
        await self._heed(fetched, held)
        if fetched.verdict != "answered":
            return
        is_off = self._api.is_off(fetched.answer, webhook_address(self._account)) is not False
        if is_off and held.problem != "webhook_off":
            await self._tell("webhook_off")
        elif not is_off and held.problem == "webhook_off":
            await self._tell("")
            self._looks_after = 0

    async def _tell(self, trouble: SyncProblem) -> None:
        await self._crm.write(lambda connection: syncs.tell(connection, self._account.id, trouble))


class Runner:
    """All accounts whose API is asked.

    Args:
        accounts: Each with the API of its adapter.
        http: Closed with the last account's work.
    """

    def __init__(
        self,
        accounts: Sequence[tuple[Account, Api]],
        transactions: Transactions,
        writer: Writer,
        http: httpx.AsyncClient,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._http = http
        self._syncs = {
            account.id: AccountSync(account, api, transactions, writer, http, clock, metrics)
            for account, api in accounts
        }

    def moved(self, accounts: Iterable[str]) -> None:
        """Boards were changed, here or on another node: deliveries may have left something out."""
        for account_id in accounts:
            if account_id in self._syncs:
                self._syncs[account_id].wake()

    async def run(self) -> None:
        """Work until cancelled."""
        async with self._http, asyncio.TaskGroup() as group:
            for each in self._syncs.values():
                group.create_task(each.run())


def webhook_address(account: Account) -> str:
    """Where an account's CRM posts to, as browsers and CRMs reach the service."""
    return f"{(account.public_url or '').rstrip('/')}/webhooks/{account.id}"

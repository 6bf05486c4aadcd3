"""What the commands do with a CRM's API: follow a backfill, register the webhook, say what is wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import httpx

from service.adapters import ADAPTERS, Adapter
from service.adapters.api import Api, Subscribing
from service.clock import Clock
from service.commands.crm.wrong import in_words
from service.config import Account, Config
from service.ledger.upkeep.attach import attach
from service.ledger.write import syncs, troubles
from service.ledger.write.syncs import SyncRun
from service.metrics import Metrics
from service.model import Trouble, TroubleCode
from service.operator_error import OperatorError
from service.sync.client import CallResult, Client
from service.sync.reason_field import look_up
from service.sync.runner import AccountSync

POLL_SECONDS: Final = 0.2
"""How often the progress of a backfill is read."""

SILENT_SECONDS: Final = 120.0
"""Without any progress of a backfill, after which nobody waits for the CRM any longer. A call that is not
answered takes 45 s, and a vendor that is busy asks for less than a minute."""


class CrmApiError(OperatorError):
    """The CRM's API cannot be used, or refuses; the operator corrects the configuration."""


@dataclass(frozen=True, slots=True)
class Subscription:
    """The state of the CRM's webhook.

    Args:
        state: `present` if it was registered before, `added` if it is now, `by_hand` if a person must add it.
        steps: The instructions for `by_hand`, one a line.
    """

    state: Literal["present", "added", "by_hand"]
    steps: Sequence[str] = ()


def api_of(account: Account) -> Api:
    """The API of an account's CRM.

    Raises:
        CrmApiError: The CRM has none, or the configuration has no token for it.
    """
    api = ADAPTERS[account.crm].api
    if api is None or account.api is None:
        raise CrmApiError(f"account {account.id}: its CRM's API cannot be used: there is no [accounts.api]")
    return api


async def backfill(
    config: Config, account: Account, clock: Clock, on_progress: Callable[[SyncRun], None]
) -> list[str]:
    """Run a backfill to its end; an interrupted one resumes where it stopped. Returns what is wrong all the
    same, a line for each trouble.

    If a service is running, it does the work and this follows it; otherwise this does the work.

    Args:
        on_progress: Called with the position of the run, again and again.

    Raises:
        CrmApiError: The API cannot be used, refuses, or does not answer for long.
        SchemaError: The database is not migrated.
        Unavailable: The database is away.
    """
    api = api_of(account)
    async with attach(config.database_url, account, clock) as ledger, httpx.AsyncClient() as http:
        database = ledger.database
        sync = AccountSync(account, api, database, ledger.writer, http, clock, Metrics())
        began_at = clock.now()
        await database.write(lambda connection: syncs.begin_again(connection, account.id, began_at))
        working = asyncio.create_task(sync.run())
        patience = _Patience(account, clock)
        try:
            while True:
                state = await database.read(lambda connection: syncs.read(connection, account.id))
                told = await database.read(lambda connection: troubles.read(connection, account.id))
                if state.run is None or state.run.kind != "backfill":
                    return [in_words(account, trouble.code, trouble.subject) for trouble in told]
                on_progress(state.run)
                patience.note(state.run, told)
                await asyncio.wait([working], timeout=POLL_SECONDS)
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working


class _Patience:
    """Ends a backfill of which nothing comes."""

    def __init__(self, account: Account, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._run: SyncRun | None = None
        self._moved_at = clock.monotonic()

    def note(self, run: SyncRun, told: Iterable[Trouble]) -> None:
        """Note where the run is, and what is wrong. Raises `CrmApiError` if a person must act or wait."""
        wrong = [trouble for trouble in told if trouble.code in troubles.API_CODES]
        if wrong:
            raise self._error(wrong[0].code, wrong[0].subject)
        if run != self._run:
            self._run, self._moved_at = run, self._clock.monotonic()
        if self._clock.monotonic() - self._moved_at > SILENT_SECONDS:
            raise self._error("api_unreachable", "")

    def _error(self, code: TroubleCode, subject: str) -> CrmApiError:
        return CrmApiError(f"account {self._account.id}: {in_words(self._account, code, subject)}")


def by_hand(adapter: Adapter, account: Account, address: str) -> Sequence[str]:
    """The address to give the CRM, then each step, numbered."""
    steps = (f"{number}. {step}" for number, step in enumerate(adapter.steps(account, "en"), 1))
    return [f"The address: {adapter.posting_address(address)}", *steps]


async def subscribe(account: Account, clock: Clock) -> Subscription:
    """Register our webhook with the CRM; where its API cannot do that, return the steps for a person.

    Raises:
        CrmApiError: There is no `public_url`, or the CRM refuses.
    """
    if account.public_url is None:
        raise CrmApiError(
            f"account {account.id}: the configuration needs public_url, the address that the CRM posts to"
        )
    address = account.webhook_address
    adapter = ADAPTERS[account.crm]
    api = adapter.api
    if not isinstance(api, Subscribing) or account.api is None:
        return Subscription("by_hand", by_hand(adapter, account, address))
    async with httpx.AsyncClient() as http:
        client = Client(account, adapter.api, http, clock, lambda _meaning: None)
        result = await client.send(api.webhooks(account))
        if result.meaning == "later":
            raise CrmApiError(f"account {account.id}: {_of_result(account, result)}")
        if result.meaning == "answered" and api.is_off(result.answer, address) is False:
            return Subscription("present")
        for call in api.subscribe(account, address):
            result = await client.send(call)
            if result.meaning != "answered":
                raise CrmApiError(f"account {account.id}: {_of_result(account, result)}")
    return Subscription("added")


async def wrong(account: Account, clock: Clock) -> list[str]:
    """Ask the CRM's API for what every account has, and for the field of the reasons. Returns what is
    wrong, a line each.

    Raises:
        CrmApiError: The API cannot be used.
    """
    api = api_of(account)
    async with httpx.AsyncClient() as http:
        client = Client(account, api, http, clock, lambda _meaning: None)
        result = await client.send(api.backfill(account, clock.now())[0].first)
        if result.meaning != "answered":
            return [_of_result(account, result)]
        looked_up = await look_up(api, account, client)
    if looked_up is None:
        return []
    result, exists = looked_up
    if not result.is_answer:
        return [_of_result(account, result)]
    return [] if exists else [in_words(account, "reason_field", account.reason_field or "")]


def _of_result(account: Account, result: CallResult) -> str:
    """What is wrong with a call, and the status of its answer if there was one."""
    missing: TroubleCode = "api_unreachable" if result.meaning == "later" else "api_not_found"
    what = in_words(account, result.verdict.trouble or missing, result.call.resource)
    return f"{what} ({result.answer.status})" if result.answer.status else what

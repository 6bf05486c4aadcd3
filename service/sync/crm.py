"""One account's CRM, and the ledger that its answers go to: what all of an account's work has in common.

An answer is stored raw, as a delivery, and decoded again whenever a webhook would be.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from service.adapters.api import ASKED, RESOURCE, Api, Call
from service.clock import Clock
from service.config import Account
from service.ledger.database.outcome import Outcome, Overloaded
from service.ledger.database.transactions import Transactions
from service.model import Decoded, Delivery, Need, Request, Source
from service.sync.client import Client, Fetched

LARGE: Final = 64 * 1024
"""Bytes above which an answer is decoded in a thread, so that webhooks need not wait for it."""


class Writer(Protocol):
    """The ledger's writer, as this package needs it."""

    def submit(self, delivery: Delivery) -> Awaitable[Outcome]:
        """Queue a delivery. Raises `Overloaded` at once; what is awaited raises `Unavailable`."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer of the API: what it says, and what became of it."""

    told: Decoded
    outcome: Outcome


class Crm:
    """One account's CRM.

    Args:
        transactions: For the account's own business: its lease, its needs, the place that a pass has come to.
        writer: For answers, which change figures.
    """

    def __init__(
        self,
        account: Account,
        api: Api,
        client: Client,
        transactions: Transactions,
        writer: Writer,
        clock: Clock,
    ) -> None:
        self.account = account
        self.api = api
        self.client = client
        self.clock = clock
        self.holder = secrets.token_hex(8)
        """Who holds the account's lease when it is us."""
        self.read = transactions.read
        self.write = transactions.write
        self._writer = writer

    async def decoded(self, call: Call, fetched: Fetched) -> tuple[Request, Decoded]:
        """What an answer says, and the request as which it is stored. Where there is nothing, the body is
        empty."""
        headers = {RESOURCE: call.resource}
        if call.asked:
            headers[ASKED] = " ".join(call.asked)
        body = fetched.answer.body if fetched.verdict == "answered" else b""
        request = Request("GET", "", {}, headers, body, fetched.asked_at)
        if len(body) > LARGE:
            return request, await asyncio.to_thread(self.api.decode, request, self.account)
        return request, self.api.decode(request, self.account)

    async def submit(
        self, answer: tuple[Request, Decoded], source: Source, settles: Mapping[Need, int]
    ) -> Answered:
        """Hand an answer to the writer. Webhooks go first: with a full queue this waits.

        Raises:
            Unavailable: The database is away.
        """
        request, told = answer
        delivery = Delivery(
            self.account.id, request.received_at, request.headers, request.body, told, source, dict(settles)
        )
        while True:
            try:
                return Answered(told, await self._writer.submit(delivery))
            except Overloaded as overloaded:
                await self.clock.wait(overloaded.retry_after, asyncio.Event())

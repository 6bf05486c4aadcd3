"""One account's CRM together with the ledger that stores its answers.

An answer is stored raw, as a delivery, so that it can be decoded again like a webhook.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from service.adapters.api import ASKED, RESOURCE, Api, Call
from service.adapters.cutting import without_secrets
from service.clock import Clock
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.write.outcome import Outcome, Overloaded
from service.ledger.write.writer import Writer
from service.model import Decoded, Delivery, Need, Request, Source
from service.sync.client import CallResult, Client

LARGE: Final = 64 * 1024
"""Bytes above which an answer is decoded in a thread, because decoding it would delay webhooks."""


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """An answer of the API that was stored: what it says, and what the ledger did with it."""

    decoded: Decoded
    outcome: Outcome


class Crm:
    """One account's CRM.

    Args:
        database: For the account's lease, its needs and the position of its run.
        writer: For answers, which change figures.
    """

    def __init__(
        self, account: Account, api: Api, client: Client, database: Database, writer: Writer, clock: Clock
    ) -> None:
        self.account = account
        self.api = api
        self.client = client
        self.clock = clock
        self.holder = secrets.token_hex(8)
        """The name under which this process holds the account's lease."""
        self.read = database.read
        self.write = database.write
        self._writer = writer

    async def decode(self, call: Call, result: CallResult) -> tuple[Request, Decoded]:
        """Decode an answer; returns it with the request as which it is stored.

        The body is empty unless the meaning is `answered`.
        """
        headers = {RESOURCE: call.resource}
        if call.asked:
            headers[ASKED] = " ".join(call.asked)
        body = without_secrets(result.answer.body, self.account) if result.meaning == "answered" else b""
        request = Request("GET", "", {}, headers, body, result.true_at)
        if len(body) > LARGE:
            return request, await asyncio.to_thread(self.api.decode, request, self.account)
        return request, self.api.decode(request, self.account)

    async def store(
        self, answer: tuple[Request, Decoded], source: Source, settles: Mapping[Need, int]
    ) -> StoredAnswer:
        """Submit an answer to the writer. While the queue is full, this waits, so that webhooks go first.

        Raises:
            Unavailable: The database is away.
        """
        request, decoded = answer
        delivery = Delivery(
            self.account.id, request.received_at, request.headers, request.body, decoded, source, settles
        )
        while True:
            try:
                return StoredAnswer(decoded, await self._writer.submit(delivery))
            except Overloaded as overloaded:
                await self.clock.wait(overloaded.retry_after, asyncio.Event())

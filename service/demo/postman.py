"""Posts a simulated CRM's webhooks over HTTP, and again as its vendor does."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import count
from typing import Final, TypeAlias

import httpx

from service.clock import Clock
from service.demo.crms.crm import SimulatedCRM, Webhook
from service.demo.office import Event

Deliver: TypeAlias = Callable[[Webhook], Awaitable[httpx.Response]]
"""Posts a webhook and returns the answer. Raises `httpx.HTTPError` where there is none."""

CONNECTIONS: Final = 16
"""How many webhooks are under way at once: enough for the service to commit several together."""

PAUSE_SECONDS: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 4.0, 8.0)
"""Pauses after failed attempts; none after the first, because the connection may have been stale."""

_BUSY: Final = frozenset({429, 503})
_STORED: Final = frozenset({"applied", "duplicate"})


class DeliveryError(Exception):
    """The service did not store a webhook; the text says what it answered."""


def through(client: httpx.AsyncClient, url: str) -> Deliver:
    """Delivers to an address with a client; one over `httpx.ASGITransport` needs no sockets."""

    async def deliver(webhook: Webhook) -> httpx.Response:
        query, headers = dict(webhook.query), dict(webhook.headers)
        return await client.post(url, params=query, headers=headers, content=webhook.body)

    return deliver


def patiently(deliver: Deliver, clock: Clock) -> Deliver:
    """Delivers again while the service is busy or away.

    Raises:
        DeliveryError: The service refused the webhook, quarantined it, or was away for 15 seconds.
    """

    async def retrying(webhook: Webhook) -> httpx.Response:
        problem = ""
        for pause in PAUSE_SECONDS:
            wait = pause
            try:
                answer = await deliver(webhook)
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}"
            else:
                if _is_stored(answer):
                    return answer
                problem = f"{answer.status_code} {answer.text}"
                if answer.status_code not in _BUSY:
                    break
                wait = max(pause, _retry_after(answer))
            await clock.wait(wait, asyncio.Event())
        raise DeliveryError(f"the service did not take a webhook of the demo: {problem}")

    return retrying


class Postman:
    """Posts a simulated CRM's webhooks.

    Args:
        crm: Decides how a request leaves, how often it is tried again, and whether it is posted at all.
        deliver: Posts one request.

    Attributes:
        posted: How many requests were delivered, repeats and retries included.
        refused: How many of them were not answered with 2xx.
        lost: The webhooks that the service never got, because the CRM gave up or was disabled.
    """

    def __init__(self, crm: SimulatedCRM, deliver: Deliver) -> None:
        self.crm = crm
        self.posted = 0
        self.refused = 0
        self.lost: list[Webhook] = []
        self._deliver = deliver
        self._numbers = count()
        self._retries: list[tuple[float, int, int, Webhook]] = []  # ordered by when they are due

    async def tell(self, event: Event) -> None:
        """Post what the CRM posts about an event."""
        await self.post(self.crm.webhooks(event))

    async def tell_all(self, events: Iterable[Event], on_posted: Callable[[int], None]) -> None:
        """Post about many events, several at once and in no certain order; `on_posted(1)` follows each
        event."""
        pending = iter(events)
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._work_off(pending, on_posted))

    async def post(self, webhooks: Iterable[Webhook]) -> None:
        """Post webhooks in their order, then what is due again."""
        for webhook in webhooks:
            await self._attempt(webhook, 0)
        await self.retry()

    async def retry(self) -> None:
        """Post again what was refused and is due again by the office's clock."""
        while self._retries and self._retries[0][0] <= self.crm.office.now():
            _, _, attempt, webhook = heapq.heappop(self._retries)
            await self._attempt(webhook, attempt)

    async def _work_off(self, pending: Iterator[Event], on_posted: Callable[[int], None]) -> None:
        for event in pending:
            await self.tell(event)
            on_posted(1)

    async def _attempt(self, webhook: Webhook, attempt: int) -> None:
        if self.crm.disabled:
            self.lost.append(webhook)
            return
        self.posted += 1
        try:
            status: int | None = (await self._deliver(self.crm.outgoing(webhook, attempt))).status_code
        except httpx.HTTPError:
            status = None
        self.crm.answered(webhook, attempt, status)
        if status is not None and 200 <= status < 300:
            return
        self.refused += 1
        if attempt >= len(self.crm.retries):
            self.lost.append(webhook)
            return
        due = self.crm.office.now() + self.crm.retries[attempt]
        heapq.heappush(self._retries, (due, next(self._numbers), attempt + 1, webhook))


def _is_stored(answer: httpx.Response) -> bool:
    try:
        body = answer.json()
    except ValueError:
        return False
    return answer.status_code == 200 and isinstance(body, dict) and body.get("status") in _STORED


def _retry_after(answer: httpx.Response) -> float:
    header = answer.headers.get("retry-after", "")
    return float(header) if header.isascii() and header.isdigit() else 0.0

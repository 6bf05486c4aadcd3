"""The postman between a simulated vendor and the service: loses, repeats, delays and reorders webhooks by
chance, and posts a refused one again as the vendor documents it."""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import count
from random import Random
from typing import Final, Literal, TypeAlias

import httpx

from service.demo.crms.crm import SimulatedCRM, Webhook
from service.demo.office import Event

Deliver: TypeAlias = Callable[[Webhook], Awaitable[int]]
"""Posts a webhook; gives the status of the answer. Raises `httpx.HTTPError` where there is none."""

_LATEST: Final = 30
"""Webhooks that overtake a late one, at most."""


@dataclass(frozen=True)
class Faults:
    """How often, from 0 to 1, what goes wrong with a webhook."""

    lost: float = 0.05  # never posted
    repeated: float = 0.10  # posted a second time, by and by
    late: float = 0.10  # posted after up to `_LATEST` later ones
    reordered: float = 0.05  # changes places with the next one


NO_FAULTS: Final = Faults(0.0, 0.0, 0.0, 0.0)


def through(client: httpx.AsyncClient, url: str) -> Deliver:
    """Delivers with a client, for example one over `httpx.ASGITransport` into the service, to an address."""

    async def deliver(webhook: Webhook) -> int:
        answer = await client.post(
            url, params=dict(webhook.query), headers=dict(webhook.headers), content=webhook.body
        )
        return answer.status_code

    return deliver


class Postman:
    """Posts a vendor's webhooks.

    Args:
        vendor: Says how a request leaves, how often it is tried again, and whether it is posted at all.
        deliver: Posts one request.
        random: Where chance comes from.
        faults: What goes wrong, and how often.

    Attributes:
        posted: How many requests were delivered: repeats and retries too.
        refused: Those that were not answered 2xx, retries too.
        lost: The webhooks that the service never got: by chance, because the vendor had given up or was
            disabled.
    """

    def __init__(
        self, vendor: SimulatedCRM, deliver: Deliver, random: Random, faults: Faults = NO_FAULTS
    ) -> None:
        self.vendor = vendor
        self.posted = 0
        self.refused = 0
        self.lost: list[Webhook] = []
        self._deliver = deliver
        self._random = random
        self._faults = faults
        self._number = count()
        self._taken = 0
        self._held: list[tuple[int, int, Webhook]] = []  # by how many must have been taken first
        self._retries: list[tuple[float, int, int, Webhook]] = []  # by when they are due

    async def tell(self, event: Event) -> None:
        """Post what the vendor posts about an event."""
        await self.post(self.vendor.webhooks(event))

    async def post(self, webhooks: Iterable[Webhook]) -> None:
        """Take webhooks, in the order in which they were made, and post what is to be posted by now."""
        for webhook in webhooks:
            self._take(webhook)
            await self._post_held(self._taken)
        await self.retry()

    async def retry(self) -> None:
        """Post again what was refused and whose next attempt is due by the office's clock."""
        while self._retries and self._retries[0][0] <= self.vendor.office.now():
            _, _, attempt, webhook = heapq.heappop(self._retries)
            await self._attempt(webhook, attempt)

    async def flush(self) -> None:
        """Post what was held back; what waits for its next attempt goes on waiting."""
        await self._post_held(None)
        await self.retry()

    @property
    def waiting(self) -> int:
        """How many webhooks are held back or wait for their next attempt."""
        return len(self._held) + len(self._retries)

    @property
    def untold(self) -> set[tuple[Literal["deal", "task", "client"], int]]:
        """What the lost webhooks were about."""
        return {(event.entity, event.id) for webhook in self.lost for event in webhook.events}

    def _take(self, webhook: Webhook) -> None:
        self._taken += 1
        if self._random.random() < self._faults.lost:
            self.lost.append(webhook)
            return
        behind = 0
        if self._random.random() < self._faults.late:
            behind = self._random.randint(2, _LATEST)
        elif self._random.random() < self._faults.reordered:
            behind = 1
        self._hold(webhook, behind)
        if self._random.random() < self._faults.repeated:
            self._hold(webhook, behind + self._random.randint(0, _LATEST))

    def _hold(self, webhook: Webhook, behind: int) -> None:
        # One that is held back comes after the one that it lets pass: hence half a step more.
        order = 2 * (self._taken + behind) + (1 if behind else 0)
        heapq.heappush(self._held, (order, next(self._number), webhook))

    async def _post_held(self, taken: int | None) -> None:
        """Post what is held until so many webhooks were taken; with None, all."""
        while self._held and (taken is None or self._held[0][0] <= 2 * taken + 1):
            _, _, webhook = heapq.heappop(self._held)
            await self._attempt(webhook, 0)

    async def _attempt(self, webhook: Webhook, attempt: int) -> None:
        if self.vendor.disabled:
            self.lost.append(webhook)
            return
        self.posted += 1
        try:
            status: int | None = await self._deliver(self.vendor.outgoing(webhook, attempt))
        except httpx.HTTPError:
            status = None
        self.vendor.answered(webhook, attempt, status)
        if status is not None and 200 <= status < 300:
            return
        self.refused += 1
        if attempt >= len(self.vendor.retries):
            self.lost.append(webhook)
            return
        due = self.vendor.office.now() + self.vendor.retries[attempt]
        heapq.heappush(self._retries, (due, next(self._number), attempt + 1, webhook))

"""A postman that loses, repeats, delays and reorders webhooks by chance."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final, Literal

from service.demo.crms.crm import SimulatedCRM, Webhook
from service.demo.postman import Deliver, Postman

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


class FaultyPostman(Postman):
    """Posts a simulated CRM's webhooks, with faults.

    Args:
        random: The source of chance.
        faults: What goes wrong, and how often. What is lost by chance is in `lost`, too.
    """

    def __init__(
        self, crm: SimulatedCRM, deliver: Deliver, random: Random, faults: Faults = NO_FAULTS
    ) -> None:
        super().__init__(crm, deliver)
        self._random = random
        self._faults = faults
        self._taken = 0
        self._held: list[tuple[int, int, Webhook]] = []  # by how many must have been taken first

    async def post(self, webhooks: Iterable[Webhook]) -> None:
        """Take webhooks, in the order in which they were made, and post what is to be posted by now."""
        for webhook in webhooks:
            self._take(webhook)
            await self._post_held(self._taken)
        await self.retry()

    async def flush(self) -> None:
        """Post what is held back; what waits for its next attempt goes on waiting."""
        await self._post_held(None)
        await self.retry()

    @property
    def untold(self) -> set[tuple[Literal["deal", "task", "client"], int]]:
        """The records that the lost webhooks were about."""
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
        # One that is held back follows the one that it lets pass: hence half a step more.
        order = 2 * (self._taken + behind) + (1 if behind else 0)
        heapq.heappush(self._held, (order, next(self._numbers), webhook))

    async def _post_held(self, taken: int | None) -> None:
        """Post what is held until so many webhooks were taken; with None, all."""
        while self._held and (taken is None or self._held[0][0] <= 2 * taken + 1):
            _, _, webhook = heapq.heappop(self._held)
            await self._attempt(webhook, 0)

"""A token bucket: how fast a CRM may be asked."""

from __future__ import annotations

import asyncio

from service.adapters.api import Pace
from service.clock import Clock
from service.model import SECOND


class TokenBucket:
    """Holds `pace.burst` tokens at most, and gains `pace.per_second` a second. A call takes one."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._tokens = float(pace.burst)
        self._filled_at = clock.now()

    async def take(self) -> None:
        """Take a token; wait for it if there is none."""
        while (wait := self._wait()) > 0:
            await self._clock.wait(wait, asyncio.Event())
        self._tokens -= 1

    def empty(self) -> None:
        """Let it fill anew: the CRM said that it was asked too fast."""
        self._fill()
        self._tokens = 0.0

    def _wait(self) -> float:
        """Seconds until there is a token."""
        self._fill()
        return max(0.0, (1 - self._tokens) / self._pace.per_second)

    def _fill(self) -> None:
        now = self._clock.now()
        # A clock that was set back fills nothing, and takes nothing away.
        gained = max(0, now - self._filled_at) / SECOND * self._pace.per_second
        self._tokens = min(float(self._pace.burst), self._tokens + gained)
        self._filled_at = now

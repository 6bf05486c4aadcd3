"""A token bucket: limits how fast a CRM's API is called."""

from __future__ import annotations

import asyncio
from typing import Final

from service.adapters.api import Pace
from service.clock import Clock

LEAST_SECONDS: Final = 0.001
"""The least wait: a rest of rounding is shorter than any clock moves by."""


class TokenBucket:
    """Holds at most `pace.burst` tokens and gains `pace.per_second` a second. Each call takes one."""

    def __init__(self, pace: Pace, clock: Clock) -> None:
        self._pace = pace
        self._clock = clock
        self._tokens = float(pace.burst)
        self._filled_at = clock.monotonic()

    async def take(self) -> None:
        """Take a token, or wait until there is one."""
        while (seconds := self._seconds_to_token()) > 0:
            await self._clock.wait(max(seconds, LEAST_SECONDS), asyncio.Event())
        self._tokens -= 1

    def empty(self) -> None:
        """Drop all tokens, because the CRM said that it was called too fast."""
        self._fill()
        self._tokens = 0.0

    def _seconds_to_token(self) -> float:
        self._fill()
        return max(0.0, (1 - self._tokens) / self._pace.per_second)

    def _fill(self) -> None:
        now = self._clock.monotonic()
        gained = (now - self._filled_at) * self._pace.per_second
        self._tokens = min(float(self._pace.burst), self._tokens + gained)
        self._filled_at = now

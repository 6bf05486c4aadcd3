"""The only module that reads the time of day. All other code gets a `Clock`."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from service.model import SECOND, Instant, Micros


class Clock(Protocol):
    """A source of time; tests pass their own."""

    def now(self) -> Instant:
        """The current time of day. It may jump in either direction: see `monotonic` for durations."""
        ...

    def monotonic(self) -> float:
        """Seconds since some moment. It never goes back, and does not move when the time of day is set."""
        ...

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        """Return when `wake` is set, or after `seconds` by this clock, whichever comes first."""
        ...


class Steps:
    """Notices that the time of day was set, because a monotonic clock does not move with it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset = self._measure()

    def look(self) -> Micros:
        """By how much the time of day was set since the last look. Negative: it was set back. A machine that
        was suspended wakes as if its clock had been set forward."""
        offset = self._measure()
        step = Micros(offset - self._offset)
        self._offset = offset
        return step

    def _measure(self) -> int:
        return self._clock.now() - round(self._clock.monotonic() * SECOND)


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """See `Clock`."""
        return Instant(time.time_ns() // 1000)

    def monotonic(self) -> float:
        """See `Clock`."""
        return time.monotonic()

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        """See `Clock`."""
        try:
            async with asyncio.timeout(seconds):
                await wake.wait()
        except TimeoutError:
            return

"""The only module that reads the time of day. All other code gets a `Clock`."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from service.model import Instant


class Clock(Protocol):
    """A source of time; tests pass their own."""

    def now(self) -> Instant:
        """The current time."""
        ...

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        """Return when `wake` is set, or after `seconds` by this clock, whichever comes first."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """See `Clock`."""
        return Instant(time.time_ns() // 1000)

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        """See `Clock`."""
        try:
            async with asyncio.timeout(seconds):
                await wake.wait()
        except TimeoutError:
            return

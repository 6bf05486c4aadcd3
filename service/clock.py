"""The only reader of the time of day. Everything else is handed a `Clock`."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from service.model import Instant


class Clock(Protocol):
    """Where the time comes from; tests bring their own."""

    def now(self) -> Instant:
        """The present moment."""
        ...

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        """Return when `wake` is set, or when `seconds` have passed by this clock, whichever is first."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> Instant:
        """See `Clock`."""
        return time.time_ns() // 1000

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        """See `Clock`."""
        try:
            async with asyncio.timeout(seconds):
                await wake.wait()
        except TimeoutError:
            return

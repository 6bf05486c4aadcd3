"""A clock that goes on only while somebody waits."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from service.model import SECOND, Instant, later

START = Instant(1_795_417_200 * SECOND)


@dataclass
class SteppingClock:
    """See `service.clock.Clock`."""

    moment: Instant = START
    waits: list[float] = field(default_factory=list)

    def now(self) -> Instant:
        """See `Clock`."""
        return self.moment

    def monotonic(self) -> float:
        """See `Clock`."""
        return self.moment / SECOND

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        """See `Clock`."""
        self.waits.append(seconds)
        self.moment = later(self.moment, 0 if wake.is_set() else int(seconds * SECOND))
        await asyncio.sleep(0)

"""A clock that the test moves."""

from __future__ import annotations

import asyncio

from service.model import SECOND, Instant, later


class StandingClock:
    """Stands until it is advanced. A wait ends when its time has come, or when it is woken."""

    def __init__(self, now: Instant) -> None:
        self.moment = now
        self._elapsed = 0.0
        self._sleepers: list[tuple[float, asyncio.Event]] = []

    def now(self) -> Instant:
        return self.moment

    def monotonic(self) -> float:
        return self._elapsed

    async def wait(self, seconds: float, wake: asyncio.Event) -> None:
        if wake.is_set() or seconds <= 0:
            await asyncio.sleep(0)
            return
        due = asyncio.Event()
        sleeper = self._elapsed + seconds, due
        self._sleepers.append(sleeper)
        waits = [asyncio.create_task(event.wait()) for event in (due, wake)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            if sleeper in self._sleepers:
                self._sleepers.remove(sleeper)

    @property
    def sleeping(self) -> bool:
        """Whether somebody waits for a later moment."""
        return bool(self._sleepers)

    @property
    def sleepers(self) -> int:
        """How many wait for a later moment."""
        return len(self._sleepers)

    def step(self, seconds: float) -> None:
        """Set the time of day, by so much. No time passes."""
        self.moment = later(self.moment, round(seconds * SECOND))

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.step(seconds)
        self._elapsed += seconds
        for at, due in self._sleepers:
            if at <= self._elapsed + 1e-9:  # a sum of floats may fall short of its time
                due.set()
        self._sleepers = [(at, due) for at, due in self._sleepers if not due.is_set()]

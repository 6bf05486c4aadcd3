"""Leaving accounts alone for a while after a failure."""

from __future__ import annotations

from service.clock import Clock


class BackOff:
    """Accounts that are left alone for a while after a failure.

    Args:
        seconds: How long.
    """

    def __init__(self, seconds: float, clock: Clock) -> None:
        self._seconds = seconds
        self._clock = clock
        self._until: dict[str, float] = {}

    def begin(self, account_id: str) -> None:
        """Leave an account alone from now on."""
        self._until[account_id] = self._clock.monotonic() + self._seconds

    def covers(self, account_id: str) -> bool:
        """Whether an account is still left alone."""
        return account_id in self._until and self._clock.monotonic() < self._until[account_id]

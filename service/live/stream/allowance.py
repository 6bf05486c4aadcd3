"""How soon a board may be read and shown again: a token bucket."""

from __future__ import annotations

from typing import Final

FRAMES_PER_SECOND: Final = 20
"""Frames of one account at most, over time: more are seen by nobody, and cost each screen as much as us."""

BURST: Final = 100
"""Frames that may follow each other at once after quiet seconds, so that what people do one after another is
shown without delay."""


class Allowance:
    """The frames that an account may be sent.

    Args:
        now: The time in seconds, which never goes back; of `pause` likewise.
    """

    def __init__(self, now: float) -> None:
        self._left = float(BURST)
        self._at = now

    def pause(self, now: float, took: float) -> float:
        """The seconds until the next frame, after one that took so many seconds. A board that takes long to
        read leaves half of the time to others."""
        self._left = min(BURST, self._left + (now - self._at) * FRAMES_PER_SECOND) - 1
        self._at = now
        pause = max(0.0, -self._left / FRAMES_PER_SECOND)
        return max(pause, took) if took > 1 / FRAMES_PER_SECOND else pause

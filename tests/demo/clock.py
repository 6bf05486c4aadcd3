"""The simulated office's clock: stands until the test moves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

START: Final = 1_795_420_800.0
"""2026-11-23 08:00:00 UTC."""


@dataclass
class StillClock:
    """Call it for the moment, in seconds since 1970."""

    moment: float = START

    def __call__(self) -> float:
        return self.moment

    def advance(self, seconds: float) -> None:
        """Move it on."""
        self.moment += seconds

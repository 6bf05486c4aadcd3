"""What may be spent in a day."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_DAY: Final = 86_400


@dataclass
class DailyBudget:
    """So much a day; days are UTC's.

    Args:
        budget: What a day has.
        spent: What was spent on `day`.
        day: Days since 1970-01-01.
    """

    budget: int
    spent: int = 0
    day: int = 0

    def left(self, now: float) -> int:
        """What can be spent yet on the day of this moment, in seconds."""
        if int(now) // _DAY != self.day:
            self.day, self.spent = int(now) // _DAY, 0
        return max(0, self.budget - self.spent)

    def spend(self, now: float, cost: int = 1) -> bool:
        """Whether there is enough left; if so it is spent."""
        if self.left(now) < cost:
            return False
        self.spent += cost
        return True

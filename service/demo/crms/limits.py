"""How many requests a simulated CRM takes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Protocol

_DAY: Final = 86_400


class Limiter(Protocol):
    """A limit of requests."""

    def take(self, now: float) -> bool:
        """Whether a request at this moment, in seconds, is within the limit; if so it counts."""


@dataclass
class Window:
    """At most `limit` requests in any `seconds`."""

    limit: int
    seconds: float = 1.0
    taken: deque[float] = field(default_factory=deque)

    def take(self, now: float) -> bool:
        """See `Limiter`."""
        while self.taken and self.taken[0] <= now - self.seconds:
            self.taken.popleft()
        if len(self.taken) >= self.limit:
            return False
        self.taken.append(now)
        return True


@dataclass
class LeakyBucket:
    """A bucket of `size` drops that leaks `drain` drops a second. Each request is a drop; a full bucket takes
    none."""

    size: int
    drain: float
    level: float = 0.0
    at: float = 0.0

    def take(self, now: float) -> bool:
        """See `Limiter`."""
        self.level = max(0.0, self.level - (now - self.at) * self.drain)
        self.at = now
        if self.level + 1 > self.size:
            return False
        self.level += 1
        return True


@dataclass
class DailyBudget:
    """A budget for each day of UTC.

    Args:
        budget: What a day has.
        spent: What was spent on `day`.
        day: Days since 1970-01-01.
    """

    budget: int
    spent: int = 0
    day: int = 0

    def left(self, now: float) -> int:
        """What is left on the day of this moment, in seconds."""
        if int(now) // _DAY != self.day:
            self.day, self.spent = int(now) // _DAY, 0
        return max(0, self.budget - self.spent)

    def spend(self, now: float, cost: int = 1) -> bool:
        """Whether enough is left; if so it is spent."""
        if self.left(now) < cost:
            return False
        self.spent += cost
        return True

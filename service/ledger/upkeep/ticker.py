"""The ticker: brings boards up to now when time alone changes them, because no webhook says that a task fell
due or that midnight passed.

It sleeps until the earliest moment at which some board changes by itself, or until a commit brings an earlier
one, and then has the writer apply what fell due, so that this is ordered with webhooks like any change. When
the clock was set back, boards are ahead of it, and the writer takes them back in the same way.

Every node of a service does so. The node that gets an account's lock brings its board up to now, and the
others skip it. A node that comes later finds nothing due, because what is due is decided under the lock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Final

from service.clock import Clock, Steps
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.write import heads
from service.ledger.write.heads import Head
from service.ledger.write.outcome import Overloaded
from service.ledger.write.writer import Writer
from service.model import SECOND, Instant, Micros

LONGEST_SLEEP_SECONDS: Final = 5.0
"""After which the ticker reads again whatever it knows: another node may have brought an earlier moment."""

LOOK_SECONDS: Final = 0.5
"""Between two looks at the time of day while it sleeps, because the clock may be set, or the machine be
suspended."""

SET_BACK_SECONDS: Final = 5.0
"""How long after its clock was set back this node takes every board back that is ahead. Later ones are ahead
because another node's clock is."""

RETRY_SECONDS: Final = 0.5
"""Before the next attempt when the database is away, or another transaction holds what is due."""

_log = logging.getLogger(__name__)


class Ticker:
    """Runs until cancelled; see the module.

    Args:
        accounts: Ids of the accounts of this service, as they are now.

    Attributes:
        on_set: Called on the event loop once boards have followed a clock that was set.
    """

    def __init__(self, database: Database, accounts: Collection[str], writer: Writer, clock: Clock) -> None:
        self.on_set: list[Callable[[], None]] = []
        self._database = database
        self._accounts = accounts
        self._writer = writer
        self._clock = clock
        self._wake = asyncio.Event()
        self._steps = Steps(clock)
        self._is_set = False
        self._set_back_at = float("-inf")
        self._sleeps_until: Instant | None = None

    def on_commit(self, new_heads: Mapping[str, Head]) -> None:
        """Wake up if a commit brought an earlier moment than the one slept until."""
        earliest = min(head.next_tick_at for head in new_heads.values())
        if self._sleeps_until is None or earliest < self._sleeps_until:
            self._wake.set()

    def on_accounts(self, _accounts: Mapping[str, Account]) -> None:
        """Wake up, because other accounts have other moments."""
        self._wake.set()

    async def run(self) -> None:
        """Tick whenever something is due."""
        while True:
            self._wake.clear()
            try:
                bounds = await self._database.read(partial(heads.bounds, accounts=self._accounts))
                skew = self._skew()
                if bounds is not None and self._is_due(*bounds, skew):
                    if not await self._writer.tick(skew):
                        await self._clock.wait(RETRY_SECONDS, asyncio.Event())
                    continue
            except (Unavailable, Overloaded) as error:
                _log.warning("boards do not follow the clock now: %s", error)
                await self._clock.wait(RETRY_SECONDS, asyncio.Event())
                continue
            if self._is_set:
                self._is_set = False
                for subscriber in self.on_set:
                    subscriber()
            self._sleeps_until = None if bounds is None else bounds[0]
            await self._sleep(self._sleeps_until)

    def _is_due(self, next_tick_at: Instant, as_of: Instant, skew: Micros) -> bool:
        """Whether a board is behind the clock, or ahead of it by more than `skew`."""
        now = self._clock.now()
        return next_tick_at <= now or as_of - now > skew

    def _was_set(self) -> bool:
        """Whether the clock was set since the last look. Less than a second may be a slow machine."""
        step = self._steps.look()
        if step <= -heads.CLOCK_SKEW:  # by more than the clocks of nodes differ
            self._set_back_at = self._clock.monotonic()
        was_set = abs(step) >= SECOND
        self._is_set = self._is_set or was_set
        return was_set

    def _skew(self) -> Micros:
        """How far a board may be ahead of the clock: not at all if it is because the clock was set back."""
        self._was_set()
        is_set_back = self._clock.monotonic() - self._set_back_at < SET_BACK_SECONDS
        return Micros(0) if is_set_back else heads.CLOCK_SKEW

    async def _sleep(self, at: Instant | None) -> None:
        """Sleep until a moment, until the ticker is woken, or until the clock was set."""
        end = self._clock.monotonic() + LONGEST_SLEEP_SECONDS
        while not self._wake.is_set() and not self._was_set():
            left = end - self._clock.monotonic()
            if at is not None:
                left = min(left, (at - self._clock.now()) / SECOND)
            if left <= 0:
                return
            await self._clock.wait(min(LOOK_SECONDS, left), self._wake)

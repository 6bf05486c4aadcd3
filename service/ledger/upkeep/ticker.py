"""The ticker: brings boards up to now when time alone changes them, because no webhook says that a task fell
due or that midnight passed.

It sleeps until the earliest moment at which some board changes by itself, or until a commit brings an earlier
one, and then has the writer apply what fell due, so that this is ordered with webhooks like any change.

Every node of a service does so. The node that gets an account's lock brings its board up to now, and the
others skip it. A node that comes later finds nothing due, because what is due is decided under the lock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

from service.clock import Clock
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.write import heads
from service.ledger.write.heads import Head
from service.ledger.write.outcome import Overloaded
from service.ledger.write.writer import Writer
from service.model import SECOND, Instant

LONGEST_SLEEP_SECONDS: Final = 5.0
"""After which the ticker looks again whatever it knows, because the machine may have been suspended, or its
clock set."""

RETRY_SECONDS: Final = 0.5
"""Before the next attempt when the database is away, or another transaction holds what is due."""

_log = logging.getLogger(__name__)


class Ticker:
    """Runs until cancelled; see the module.

    Args:
        accounts: Ids of the accounts of this service.
    """

    def __init__(self, database: Database, accounts: Sequence[str], writer: Writer, clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._writer = writer
        self._clock = clock
        self._wake = asyncio.Event()
        self._sleeps_until: Instant | None = None

    def on_commit(self, new_heads: Mapping[str, Head]) -> None:
        """Wake up if a commit brought an earlier moment than the one slept until."""
        earliest = min(head.next_tick_at for head in new_heads.values())
        if self._sleeps_until is None or earliest < self._sleeps_until:
            self._wake.set()

    async def run(self) -> None:
        """Tick whenever something is due."""
        while True:
            self._wake.clear()
            try:
                at = await self._database.read(partial(heads.earliest_tick, accounts=self._accounts))
                if at is not None and at <= self._clock.now():
                    if not await self._writer.tick():
                        await self._clock.wait(RETRY_SECONDS, asyncio.Event())
                    continue
            except (Unavailable, Overloaded) as error:
                _log.warning("boards do not follow the clock now: %s", error)
                await self._clock.wait(RETRY_SECONDS, asyncio.Event())
                continue
            self._sleeps_until = at
            await self._clock.wait(self._sleep_seconds(at), self._wake)

    def _sleep_seconds(self, at: Instant | None) -> float:
        if at is None:
            return LONGEST_SLEEP_SECONDS
        return min(LONGEST_SLEEP_SECONDS, max((at - self._clock.now()) / SECOND, 0.0))

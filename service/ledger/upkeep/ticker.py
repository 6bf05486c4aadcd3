"""The clock's part: no webhook says that a task fell due or that midnight passed, so somebody must look.

Sleeps until the earliest moment at which some board changes by the clock alone, or until a commit may have
brought an earlier one, and has the writer bring those boards up to now: becoming overdue is ordered with
webhooks like any change.

Any number of nodes may do so at once: whoever has an account's lock brings it up to now, the others pass it
over, and whoever comes after finds nothing to do, for what is due is decided under the lock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from service.clock import Clock
from service.ledger.database.outcome import Overloaded, Unavailable
from service.ledger.write import heads
from service.ledger.write.heads import Head
from service.ledger.write.writer import Writer
from service.model import SECOND, Instant

LONGEST_SLEEP: Final = 5.0
"""Seconds after which the ticker looks again whatever it knows: the machine may have slept, or its clock
been set."""

PAUSE: Final = 0.5
"""Seconds before it tries again when the database was away, or what is due is in another one's hands."""

_log = logging.getLogger(__name__)


class Ticker:
    """Runs until cancelled; see the module.

    Args:
        engine: Opened with the role `reader`.
        accounts: Ids of the accounts of this service.
    """

    def __init__(self, engine: Engine, accounts: Sequence[str], writer: Writer, clock: Clock) -> None:
        self._engine = engine
        self._accounts = list(accounts)
        self._writer = writer
        self._clock = clock
        self._wake = asyncio.Event()
        self._sleeps_until: Instant | None = None

    def committed(self, changed: Mapping[str, Head]) -> None:
        """Boards were changed: get up if one of them wants it earlier than was planned."""
        earliest = min(head.next_tick_at for head in changed.values())
        if self._sleeps_until is None or earliest < self._sleeps_until:
            self._wake.set()

    async def run(self) -> None:
        """Tick whenever something is due."""
        while True:
            self._wake.clear()
            try:
                at = await asyncio.to_thread(self._next)
                if at is not None and at <= self._clock.now():
                    if not await self._writer.tick():
                        await self._clock.wait(PAUSE, asyncio.Event())
                    continue
            except (SQLAlchemyError, Unavailable, Overloaded) as error:
                _log.warning("the clock's tick waits: %s", error)
                await self._clock.wait(PAUSE, asyncio.Event())
                continue
            self._sleeps_until = at
            wait = LONGEST_SLEEP if at is None else min(LONGEST_SLEEP, (at - self._clock.now()) / SECOND)
            await self._clock.wait(max(wait, 0.0), self._wake)

    def _next(self) -> Instant | None:
        with self._engine.connect() as connection:
            return heads.earliest_tick(connection, self._accounts)

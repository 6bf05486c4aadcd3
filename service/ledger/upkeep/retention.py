"""Retention: drops raw bodies after `keep_bodies_days`, of every account in the database. The deliveries'
keys stay, so that a repeat is still recognised.

What is dropped is gone, so a wrong clock must not drop it. The database keeps when retention last looked. If
the clock is far ahead of that, either the service was down for long or the clock is wrong: retention warns,
and waits for as long as it takes somebody, or the network, to set the clock.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from service.clock import Clock
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.write import heads, log
from service.model import DAY, Instant, Micros

INTERVAL_SECONDS: Final = 3600.0
"""Between two looks for old bodies."""

PAUSE_SECONDS: Final = 1.0
"""Between two commits while there is more to drop, so that webhooks get their turn."""

LEAP: Final = Micros(3 * DAY)
"""A clock that is further ahead of the last look is in doubt."""

DOUBT_SECONDS: Final = 6 * 3600.0
"""How long a clock in doubt must run before it is believed."""

NOTED: Final = DAY
"""How old the last look must be for the present one to be stored."""

_log = logging.getLogger(__name__)


class Retention:
    """Runs until cancelled; see the module."""

    def __init__(self, database: Database, keep_days: int, clock: Clock) -> None:
        self._database = database
        self._keep_days = keep_days
        self._clock = clock
        self._doubted_since: float | None = None

    async def run(self) -> None:
        """Prune at every interval."""
        while True:
            try:
                more = await asyncio.to_thread(self.prune)
            except Unavailable as error:
                _log.warning("old bodies are not dropped now: %s", error)
                more = False
            await self._clock.wait(PAUSE_SECONDS if more else INTERVAL_SECONDS, asyncio.Event())

    def prune(self) -> bool:
        """Drop some old bodies of each account; returns whether there may be more."""
        more, now = False, self._clock.now()
        with self._database.reading() as connection:
            looks = heads.looks(connection)
            prunable = log.prunable(connection, looks, now, self._keep_days)
        if self._is_in_doubt(now, max((at for at in looks.values() if at is not None), default=now)):
            return False
        if stale := [one for one, at in looks.items() if at is None or abs(now - at) >= NOTED]:
            with self._database.writing() as connection:
                heads.look(connection, stale, now)
        for account_id in prunable:
            with self._database.writing() as connection:
                head = heads.prepared(connection, account_id, lock=True)
                pruned = log.prune(connection, account_id, now, self._keep_days, head.pruned)
                more = more or pruned - head.pruned >= log.PRUNE_AT_ONCE
        return more

    def _is_in_doubt(self, now: Instant, last_look: Instant) -> bool:
        """Whether the clock is so far ahead of the last look that it may be wrong, and has not run for long
        since that was noticed."""
        if now - last_look <= LEAP:
            self._doubted_since = None
            return False
        seconds = self._clock.monotonic()
        if self._doubted_since is None:
            self._doubted_since = seconds
            _log.warning(
                "old bodies are not dropped for %d hours: the clock is %d days ahead of when they were last "
                "looked for, so either the service was down, or the clock is wrong",
                DOUBT_SECONDS // 3600,
                (now - last_look) // DAY,
            )
        return seconds - self._doubted_since < DOUBT_SECONDS

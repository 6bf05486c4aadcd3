"""Retention: drops raw bodies after `keep_bodies_days`. The deliveries' keys stay, so that a repeat is still
recognised."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from service.clock import Clock
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.write import heads, log

INTERVAL_SECONDS: Final = 3600.0
"""Between two looks for old bodies."""

PAUSE_SECONDS: Final = 1.0
"""Between two commits while there is more to drop, so that webhooks get their turn."""

_log = logging.getLogger(__name__)


class Retention:
    """Runs until cancelled; see the module.

    Args:
        accounts: Ids of the accounts of this service.
    """

    def __init__(self, database: Database, accounts: Sequence[str], keep_days: int, clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._keep_days = keep_days
        self._clock = clock

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
            prunable = log.prunable(connection, self._accounts, now, self._keep_days)
        for account_id in prunable:
            with self._database.writing() as connection:
                head = heads.prepared(connection, account_id, lock=True)
                pruned = log.prune(connection, account_id, now, self._keep_days, head.pruned)
                more = more or pruned - head.pruned >= log.PRUNE_AT_ONCE
        return more

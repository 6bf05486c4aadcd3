"""Drops raw bodies after their time (`keep_bodies_days`); keys stay, so that a repeat is still known as
one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from service.clock import Clock
from service.ledger.write import heads, log

INTERVAL: Final = 3600.0
"""Seconds between two looks."""

PAUSE: Final = 1.0
"""Seconds between two commits while there is more to drop, so that webhooks get their turn."""

_log = logging.getLogger(__name__)


class Retention:
    """Runs until cancelled; see the module.

    Args:
        engine: Opened with the role `writer`.
        accounts: Ids of the accounts of this service.
    """

    def __init__(self, engine: Engine, accounts: Sequence[str], keep_days: int, clock: Clock) -> None:
        self._engine = engine
        self._accounts = accounts
        self._keep_days = keep_days
        self._clock = clock

    async def run(self) -> None:
        """Prune now and then."""
        while True:
            try:
                more = await asyncio.to_thread(self.prune)
            except SQLAlchemyError as error:
                _log.warning("old bodies are not dropped now: %s", error)
                more = False
            await self._clock.wait(PAUSE if more else INTERVAL, asyncio.Event())

    def prune(self) -> bool:
        """Drop some old bodies of each account; whether there may be more."""
        more, now = False, self._clock.now()
        with self._engine.begin() as connection:
            prunable = log.prunable(connection, self._accounts, now, self._keep_days)
        for account_id in prunable:
            with self._engine.begin() as connection:
                head = heads.prepared(connection, account_id, lock=True)
                pruned = log.prune(connection, account_id, now, self._keep_days, head.pruned)
                more = more or pruned - head.pruned >= log.PRUNE_AT_ONCE
        return more

"""Webhooks that were refused: counted in memory, told on the board, forgotten an hour after the last.

A request is noted without I/O, and what is counted is bounded: by the accounts, and the causes that there
are. So whatever a stranger posts, it costs one transaction of an account every few seconds, and no webhook
waits for it.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable
from functools import partial
from typing import Final, get_args

from sqlalchemy import Connection

from service.adapters.protocol import Cause
from service.clock import Clock
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.write import troubles
from service.ledger.write.heads import CLOCK_SKEW
from service.model import SECOND, Instant, Micros, TroubleCode

STORE_SECONDS: Final = 5.0
"""Between two transactions that store what was counted."""

KEPT: Final = Micros(3600 * SECOND)
"""How long after the last refusal the board still tells of it."""

LOG_SECONDS: Final = 60.0
"""Between two lines of the log about an account and a cause."""

_LOGGED: Final = frozenset(get_args(Cause))
"""What the brake logs, with the sender's address."""

_CODE: Final[TroubleCode] = "requests_refused"

_log = logging.getLogger(__name__)


class RefusedRequests:
    """Runs until cancelled; see the module.

    Args:
        accounts: Ids of the accounts of this service.
    """

    def __init__(self, database: Database, accounts: Iterable[str], clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._counts: dict[str, Counter[str]] = {}
        self._unlogged: Counter[tuple[str, str]] = Counter()
        self._logged_at: dict[tuple[str, str], float] = {}
        self._told = dict.fromkeys(accounts, Instant(0))
        """When a refusal was told last, by account; at first of all, for an earlier process may have told."""

    def on_accounts(self, accounts: Iterable[str]) -> None:
        """Tell of these accounts from now on, and of no other."""
        self._told = {account_id: self._told.get(account_id, Instant(0)) for account_id in accounts}
        self._counts = {one: counted for one, counted in self._counts.items() if one in self._told}

    def note(self, account_id: str, cause: str) -> None:
        """Count a request that was refused for a cause."""
        self._counts.setdefault(account_id, Counter())[cause] += 1
        if cause not in _LOGGED:
            self._unlogged[account_id, cause] += 1

    async def run(self) -> None:
        """Store what was counted at every interval, and forget what is long over."""
        while True:
            self._log()
            try:
                await self.store()
            except Unavailable as error:
                _log.warning("refused requests are not told now: %s", error)
            await self._clock.wait(STORE_SECONDS, asyncio.Event())

    def _log(self) -> None:
        """Log what was not logged yet: a line a minute at most for each account and cause."""
        now = self._clock.monotonic()
        for key, times in list(self._unlogged.items()):
            if now - self._logged_at.get(key, -LOG_SECONDS) >= LOG_SECONDS:
                _log.warning(
                    "%s: %d webhooks were refused: %s", key[0], times, key[1], extra={"account": key[0]}
                )
                self._logged_at[key] = now
                del self._unlogged[key]

    async def store(self) -> None:
        """Store what was counted, and forget what is over.

        Raises:
            Unavailable: The database is away. What was not stored stays counted.
        """
        now = self._clock.now()
        over = {account_id for account_id, last_at in self._told.items() if _is_over(last_at, now)}
        for account_id in sorted(over | self._counts.keys()):
            counted = self._counts.pop(account_id, Counter())
            try:
                last_at = await self._database.write(partial(_store, account_id, counted, now))
            except Unavailable:
                self._counts.setdefault(account_id, Counter()).update(counted)
                raise
            self._told.pop(account_id, None)
            if last_at is not None:
                self._told[account_id] = last_at


def _store(account_id: str, counted: Counter[str], now: Instant, connection: Connection) -> Instant | None:
    """Store an account's counts, and delete what is over. Returns when the last of what is told happened."""
    for cause, times in sorted(counted.items()):
        troubles.tell(connection, account_id, _CODE, cause, now, times)
    told = {
        trouble.subject: trouble.last_at
        for trouble in troubles.read(connection, account_id)
        if trouble.code == _CODE
    }
    for cause, last_at in sorted(told.items()):
        if _is_over(last_at, now):
            troubles.clear(connection, account_id, [_CODE], cause)
            del told[cause]
    return max(told.values(), default=None)


def _is_over(last_at: Instant, now: Instant) -> bool:
    """Whether the board tells no more of what happened last at a moment: it is long ago, or the clock that
    showed the moment was set back since."""
    return not -CLOCK_SKEW <= now - last_at <= KEPT

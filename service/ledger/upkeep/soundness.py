"""Whether the database is sound, as far as this process knows. It looks through an SQLite file after each
start, while it serves, and it notes each damaged page that a commit meets. PostgreSQL looks after its own
files.

A file that a disk could not read for a moment looks like a damaged one, to a look and to a commit. So damage
stands until a look finds nothing.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection

from service.clock import Clock
from service.ledger.database import check
from service.ledger.database.database import Database
from service.ledger.database.errors import Corrupt, Unavailable
from service.ledger.write.writer import Fault

AGAIN_SECONDS: Final = 60.0
"""After a look that found something or failed, or a damaged page, until the next look."""

_log = logging.getLogger(__name__)


class Soundness:
    """See the module.

    Attributes:
        is_damaged: None while nothing is known.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self.is_damaged: bool | None = None
        self._database = database
        self._clock = clock
        self._is_suspected = asyncio.Event()
        self._looking: list[Any] = []

    @property
    def gauge(self) -> float:
        """1 for a sound database, 0 for a damaged one, not a number while nothing is known."""
        return math.nan if self.is_damaged is None else float(not self.is_damaged)

    def on_fault(self, fault: Fault) -> None:
        """Note a damaged page that a commit met."""
        if isinstance(fault, Corrupt):
            self._tell([str(fault)])
            self._is_suspected.set()

    async def run(self) -> None:
        """Look through an SQLite file until nothing is found, and again after each damaged page."""
        while self._database.is_sqlite:
            if await self.look():
                await self._is_suspected.wait()
            self._is_suspected.clear()
            await self._clock.wait(AGAIN_SECONDS, asyncio.Event())

    async def look(self) -> bool:
        """Look through an SQLite file; returns whether it is sound."""
        try:
            findings = await asyncio.to_thread(self._look)
        except asyncio.CancelledError:
            for connection in self._looking:
                connection.interrupt()  # the thread would keep the process from ending
            raise
        except Corrupt as damage:
            findings = [str(damage)]
        except Unavailable as error:
            _log.warning("the database's file was not checked: %s", error)
            return False
        self._tell(findings)
        return not findings

    def _look(self) -> Sequence[str]:
        with self._database.reading() as connection:
            self._looking.append(_driver(connection))
            try:
                return check.quick(connection)
            finally:
                self._looking.clear()

    def _tell(self, findings: Sequence[str]) -> None:
        if not findings:
            self.is_damaged = False
            _log.info("the database's file is sound")
        elif not self.is_damaged:
            self.is_damaged = True
            _log.error(
                "the database is damaged: restore a backup, or see lossboard check-database: %s",
                "; ".join(findings[:3]),
            )


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection

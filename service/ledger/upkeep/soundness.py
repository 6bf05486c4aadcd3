"""Whether the database is sound, as far as this process knows. It looks through an SQLite file once after
each start, while it serves, and it notes each damaged page that a commit meets. PostgreSQL looks after its
own files.

Damage does not pass by itself, so what was found stays until the process is started again.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from service.ledger.database import check
from service.ledger.database.database import Database
from service.ledger.database.errors import Corrupt, Unavailable
from service.ledger.write.writer import Fault

_log = logging.getLogger(__name__)


class Soundness:
    """See the module. `run` ends when the file was looked through.

    Attributes:
        is_damaged: None while nothing is known.
    """

    def __init__(self, database: Database) -> None:
        self.is_damaged: bool | None = None
        self._database = database
        self._looking: list[Any] = []

    @property
    def gauge(self) -> float:
        """1 for a sound database, 0 for a damaged one, not a number while nothing is known."""
        return math.nan if self.is_damaged is None else float(not self.is_damaged)

    def on_fault(self, fault: Fault) -> None:
        """Note a damaged page that a commit met."""
        if isinstance(fault, Corrupt):
            self._tell([str(fault)])

    async def run(self) -> None:
        """Look through an SQLite file."""
        if not self._database.is_sqlite:
            return
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
            return
        self._tell(findings)

    def _look(self) -> Sequence[str]:
        with self._database.reading() as connection:
            self._looking.append(_driver(connection))
            try:
                return check.quick(connection)
            finally:
                self._looking.clear()

    def _tell(self, findings: Sequence[str]) -> None:
        if not findings:
            self.is_damaged = self.is_damaged or False
            _log.info("the database's file is sound")
        elif not self.is_damaged:
            self.is_damaged = True
            _log.error(
                "the database is damaged: restore a backup, or see lossboard check-database: %s",
                "; ".join(findings[:3]),
            )


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection

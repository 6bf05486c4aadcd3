"""Retries quarantined deliveries, and drops them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import NamedTuple

from service.clock import Clock
from service.config import Account
from service.ledger.database.database import DEADLINE_SECONDS, Database, in_time
from service.ledger.read.decoding import decode
from service.ledger.write import heads, log
from service.ledger.write.apply import reapply, release
from service.ledger.write.batch.rejected import rejection_of
from service.ledger.write.heads import Head
from service.ledger.write.writer import OnCommit
from service.model import Delivery, Rejection
from service.operator_error import OperatorError, Unknown
from service.telemetry.delivery_id import stored_id

_log = logging.getLogger(__name__)


class Retried(NamedTuple):
    """What became of a delivery that was tried again.

    Args:
        rejections: What of it stays in quarantine; none: it was applied.
        head: The head that was committed; None: nothing was.
    """

    rejections: Sequence[Rejection]
    head: Head | None


class Dropped(NamedTuple):
    """A delivery that was taken out of quarantine: how many rejections it had, and the head of the commit."""

    rejections: int
    head: Head


def retry(database: Database, account: Account, number: int, clock: Clock) -> Retried:
    """Decode and apply a quarantined delivery again. Parts that are rejected again stay in quarantine, and so
    does a delivery that cannot be applied.

    Raises:
        OperatorError: It cannot be tried: see `decode` and `reapply`; there is no such delivery; the database
            is away.
    """
    with database.reading() as connection:
        stored = log.one(connection, account.id, number)
    if stored is None:
        raise Unknown(f"no such delivery: {number}")
    try:
        decoded = decode(stored, account)
        again = Delivery(
            account.id, stored.received_at, stored.headers, stored.body or b"", decoded, stored.source
        )
        with database.writing(isolate_data=True) as connection:
            head = reapply(connection, account, number, again, clock.now())
    except OperatorError:
        raise
    except Exception as error:  # whatever its content does, the operator is told and goes on
        return Retried((rejection_of(error),), None)
    return Retried(decoded.rejections, head)


def drop(database: Database, account: Account, number: int) -> Dropped:
    """Remove a delivery from quarantine; the log keeps it.

    Raises:
        Unknown: The account has no board yet.
        Unavailable: The database is away.
    """
    with database.writing() as connection:
        rejections = release(connection, account.id, number)
        return Dropped(rejections, heads.prepared(connection, account.id))


class Quarantine:
    """The quarantine of a running service.

    Args:
        on_commit: The subscribers of its commits; see `OnCommit`.
    """

    def __init__(self, database: Database, clock: Clock, on_commit: Sequence[OnCommit]) -> None:
        self._database = database
        self._clock = clock
        self._on_commit = on_commit

    async def retry(self, account: Account, number: int) -> None:
        """Try a delivery again; raises as `retry` does."""
        retried = await in_time(lambda: retry(self._database, account, number, self._clock))
        told = "; ".join(rejection.error for rejection in retried.rejections)
        about = {"account": account.id, "delivery": stored_id(account.id, number)}
        _log.info("%s was tried again: %s", about["delivery"], told or "applied", extra=about)
        if retried.head is not None:
            self._tell(retried.head)

    async def retry_all(self, account: Account, numbers: Sequence[int]) -> None:
        """Try deliveries again, as many as there is time for; raises as `retry` does."""
        began = self._clock.monotonic()
        for number in numbers:
            await self.retry(account, number)
            if self._clock.monotonic() - began > DEADLINE_SECONDS:
                return

    async def drop(self, account: Account, number: int) -> None:
        """Remove a delivery from quarantine; raises as `drop` does."""
        dropped = await in_time(lambda: drop(self._database, account, number))
        about = {"account": account.id, "delivery": stored_id(account.id, number)}
        _log.info("%s was dropped from quarantine", about["delivery"], extra=about)
        self._tell(dropped.head)

    def _tell(self, head: Head) -> None:
        for subscriber in self._on_commit:
            subscriber({head.account: head})

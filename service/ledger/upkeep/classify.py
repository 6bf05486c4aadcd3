"""Classifies a reason by hand, or takes that back. This is a commit of its own: no projection depends on it,
and every open board reads its reasons again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, func, select

from service.clock import Clock
from service.ledger.database.database import Database
from service.ledger.database.engine import insert_into
from service.ledger.database.tables import CLASSIFIED
from service.ledger.write import heads, invalidations
from service.ledger.write.invalidations import Invalidation
from service.ledger.write.outcome import OnSeq
from service.model import Instant
from service.reasons import Kind, reason_key

MOST: Final = 1_000
"""Reasons that an account classifies by hand at most. A CRM has dozens."""

_log = logging.getLogger(__name__)


class TooMany(Exception):
    """The account has classified as many reasons as it may."""


class Verdict(NamedTuple):
    """What somebody says of a reason.

    Args:
        reason: Its name, or the CRM's id, as the board shows it.
        kind: `unclassified` takes back what was said before.
        screen: The name of the screen that it comes from.
    """

    reason: str
    kind: Kind
    screen: str


def classify(connection: Connection, account: str, verdict: Verdict, now: Instant) -> int | None:
    """Store a verdict; returns the commit's number, None if it changes nothing.

    Raises:
        TooMany: There are `MOST` already.
    """
    head = heads.prepared(connection, account, lock=True)
    key = reason_key(verdict.reason)
    the_reason = CLASSIFIED.c.account == account, CLASSIFIED.c.key == key
    stored = connection.execute(select(CLASSIFIED.c.kind).where(*the_reason)).scalar() or "unclassified"
    if stored == verdict.kind:
        return None
    if verdict.kind == "unclassified":
        connection.execute(delete(CLASSIFIED).where(*the_reason))
    else:
        _store(connection, account, key, verdict, now)
    return invalidations.refresh(connection, head.account, stale=Invalidation(reasons=True))


def _store(connection: Connection, account: str, key: str, verdict: Verdict, now: Instant) -> None:
    others = select(func.count()).where(CLASSIFIED.c.account == account, CLASSIFIED.c.key != key)
    if connection.execute(others).scalar_one() >= MOST:
        raise TooMany
    values = {**verdict._asdict(), "classified_at": now}
    statement = insert_into(connection.dialect.name, CLASSIFIED).values(account=account, key=key, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["account", "key"], set_=values))


class Classifier:
    """Classifies in a running service.

    Args:
        on_seq: The subscribers of its commits; see `OnSeq`.
    """

    def __init__(self, database: Database, clock: Clock, on_seq: Sequence[OnSeq]) -> None:
        self._database = database
        self._clock = clock
        self._on_seq = on_seq

    async def classify(self, account_id: str, verdict: Verdict) -> None:
        """Store a verdict.

        Raises:
            TooMany: See there.
            Unavailable: The database is away.
        """
        work = partial(classify, account=account_id, verdict=verdict, now=self._clock.now())
        seq = await self._database.write(work)
        if seq is None:
            return
        _log.info(
            "%s: screen %r says that reason %r is %s",
            account_id,
            verdict.screen,
            verdict.reason,
            verdict.kind,
            extra={"account": account_id},
        )
        for subscriber in self._on_seq:
            subscriber({account_id: seq})

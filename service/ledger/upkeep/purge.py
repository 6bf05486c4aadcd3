"""`lossboard purge`: deletes everything that the database holds of an account."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, delete

from service.ledger.database.database import Database
from service.ledger.database.tables import DELIVERIES, HEADS, METADATA
from service.ledger.upkeep.replay import Progress
from service.ledger.write import heads, invalidations, log
from service.ledger.write.invalidations import Invalidation
from service.operator_error import Unknown

AT_ONCE: Final = 5_000
"""Deliveries that one transaction deletes, so that other accounts' webhooks get their turn."""


def purge(database: Database, account_id: str, *, served: bool, progress: Progress) -> int:
    """Delete an account; returns how many deliveries it had. It can be interrupted and run again.

    Args:
        served: The account is configured, and may be served now. It is emptied in one transaction, and goes
            on with an empty board under its next sequence number.
        progress: Called with the number of deliveries that were deleted since the last call.

    Raises:
        Unknown: The database has no such account.
        Unavailable: The database is away.
    """
    with database.reading() as connection:
        if heads.head(connection, account_id) is None:
            raise Unknown(f"the database has nothing of an account {account_id}")
        newest = log.newest_number(connection, account_id)
    if not served:
        for upto in range(AT_ONCE, newest, AT_ONCE):
            with database.writing() as connection:
                some = DELIVERIES.c.account == account_id, DELIVERIES.c.number <= upto
                progress(connection.execute(delete(DELIVERIES).where(*some)).rowcount)
    with database.writing() as connection:
        head = heads.prepared(connection, account_id, lock=True)
        progress(_delete_all(connection, account_id))
        if served:
            emptied = head._replace(
                seq=head.seq + 1,
                deliveries=0,
                pruned=0,
                quarantined=0,
                last_delivery_at=None,
                known_from=None,
                has_mergers=False,
            )
            heads.store(connection, emptied)
            invalidations.store(connection, account_id, emptied.seq, Invalidation(everything=True))
        else:
            connection.execute(delete(HEADS).where(HEADS.c.account == account_id))
    return newest


def _delete_all(connection: Connection, account_id: str) -> int:
    """Delete every row of the account but its head; returns how many deliveries there were."""
    deliveries = 0
    for table in METADATA.tables.values():
        if table is not HEADS:
            deleted = connection.execute(delete(table).where(table.c.account == account_id)).rowcount
            deliveries += deleted if table is DELIVERIES else 0
    return deliveries

"""What is wrong with an account, one by one: the troubles with its CRM, and the deliveries in quarantine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from service.clock import Clock
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.write import heads, log, syncs, troubles
from service.ledger.write.log import Quarantined
from service.model import Instant, Trouble


@dataclass(frozen=True, slots=True)
class TroubleRows:
    """What is wrong at one sequence number.

    Args:
        as_of: The moment that it is true for.
        quarantined: Oldest first.
        repaired: How many deals and tasks the last reconciliation changed; `synced_at` is when it began.
    """

    seq: int
    as_of: Instant
    troubles: tuple[Trouble, ...]
    quarantined: tuple[Quarantined, ...]
    repaired: int
    synced_at: Instant | None


class TroubleReader:
    """Reads what is wrong.

    Args:
        accounts: By id.
        clock: Gives the moment of a read.
    """

    def __init__(self, database: Database, accounts: Mapping[str, Account], clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock

    def read(self, account_id: str) -> TroubleRows:
        """What is wrong with an account.

        Raises:
            KeyError: No such account.
            Unavailable: The database is away.
        """
        account = self._accounts[account_id]
        now = self._clock.now()
        with self._database.reading() as connection:
            head = heads.prepared(connection, account.id)
            sync = syncs.read(connection, account.id)
            return TroubleRows(
                seq=head.seq,
                as_of=max(head.as_of, now),  # nothing of it changes by the clock alone
                troubles=troubles.read(connection, account.id),
                quarantined=tuple(log.quarantined(connection, account.id)),
                repaired=sync.repaired,
                synced_at=sync.synced_at,
            )

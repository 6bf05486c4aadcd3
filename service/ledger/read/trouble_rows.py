"""What is wrong with an account, one by one: the troubles with its CRM, and the deliveries in quarantine."""

from __future__ import annotations

from dataclasses import dataclass

from service.ledger.read.account_reader import AccountReader
from service.ledger.write import log, syncs, troubles
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


class TroubleReader(AccountReader):
    """Reads what is wrong."""

    def read(self, account_id: str) -> TroubleRows:
        """What is wrong with an account.

        Raises:
            KeyError: No such account.
            Unavailable: The database is away.
        """
        with self._begin(account_id) as begun:
            connection, account, _ = begun
            seq, as_of = begun.position()
            sync = syncs.read(connection, account.id)
            return TroubleRows(
                seq=seq,
                as_of=as_of,
                troubles=troubles.read(connection, account.id),
                quarantined=tuple(log.quarantined(connection, account.id)),
                repaired=sync.repaired,
                synced_at=sync.synced_at,
            )

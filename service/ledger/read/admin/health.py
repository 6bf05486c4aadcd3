"""How an account's feed is: what came last, what is asked for, what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from sqlalchemy import Connection

from service.config import Account
from service.ledger.write import heads, needs, syncs, troubles
from service.ledger.write.heads import Head
from service.ledger.write.syncs import Sync
from service.model import Trouble

MANY_NEEDS: Final = 1_000
"""So many needs are counted; more are as many as anybody wants to know."""


class Health(NamedTuple):
    """See the module.

    Args:
        head: None: the account has no board yet.
        is_current: Whether the rules of this process computed its figures.
        needs: What the CRM's API is to be asked for, `MANY_NEEDS` at most.
    """

    account: Account
    head: Head | None
    is_current: bool
    needs: int
    sync: Sync
    troubles: tuple[Trouble, ...]


def health(connection: Connection, accounts: Sequence[Account]) -> list[Health]:
    """The health of accounts, in their order; as many statements as for one account."""
    ids = [account.id for account in accounts]
    stored = heads.read_all(connection, ids)
    wanted = needs.counts(connection, ids, MANY_NEEDS)
    synced = syncs.read_all(connection, ids)
    told = troubles.read_all(connection, ids)
    return [
        Health(
            account,
            head := stored.get(account.id),
            head is not None and heads.has_rules(head, account),
            wanted.get(account.id, 0),
            synced.get(account.id, syncs.NEVER),
            tuple(told[account.id]),
        )
        for account in accounts
    ]

"""How an account's feed is: what came last, what is asked for, what is wrong."""

from __future__ import annotations

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


def health(connection: Connection, account: Account) -> Health:
    """The health of an account."""
    head = heads.head(connection, account.id)
    return Health(
        account,
        head,
        head is not None and heads.has_rules(head, account),
        needs.count(connection, account.id, MANY_NEEDS),
        syncs.read(connection, account.id),
        troubles.read(connection, account.id),
    )

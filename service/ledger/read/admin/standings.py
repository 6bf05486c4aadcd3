"""How each account stands, and how large the database is: what the metrics show of the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from functools import partial

from sqlalchemy import Connection, func, select

from service.config import Account
from service.ledger.database import size
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.database.in_list import in_list
from service.ledger.database.tables import HEADS, NEEDS, SYNCS, TROUBLES
from service.metrics.series import Standing, Standings

_HEADS = select(HEADS.c.account, HEADS.c.last_delivery_at, HEADS.c.quarantined).where(
    in_list(HEADS.c.account, "accounts")
)
_NEEDS = (
    select(NEEDS.c.account, func.count())
    .where(in_list(NEEDS.c.account, "accounts"))
    .group_by(NEEDS.c.account)
)
_SYNCED = select(SYNCS.c.account, SYNCS.c.synced_at).where(in_list(SYNCS.c.account, "accounts"))
_TROUBLES = (
    select(TROUBLES.c.account, TROUBLES.c.code, func.count())
    .where(in_list(TROUBLES.c.account, "accounts"))
    .group_by(TROUBLES.c.account, TROUBLES.c.code)
)


class StandingReader:
    """Reads how the accounts stand.

    Args:
        accounts: By id.
    """

    def __init__(self, database: Database, accounts: Mapping[str, Account]) -> None:
        self._database = database
        self._accounts = accounts
        self._last = Standings()

    async def read(self) -> Standings:
        """How they stand now; while the database is away, how they stood when it was last read."""
        try:
            self._last = await self._database.read(partial(standings, accounts=self._accounts))
        except Unavailable:
            unread = {account: Standing(asks=its.api is not None) for account, its in self._accounts.items()}
            self._last = replace(self._last, accounts={**unread, **self._last.accounts})
        return self._last


def standings(connection: Connection, accounts: Mapping[str, Account]) -> Standings:
    """How each account stands, and the size of the database."""
    asked = {"accounts": list(accounts)}
    heads = {account: (at, quarantined) for account, at, quarantined in connection.execute(_HEADS, asked)}
    needs = {row[0]: row[1] for row in connection.execute(_NEEDS, asked)}
    synced = {row[0]: row[1] for row in connection.execute(_SYNCED, asked)}
    troubles: dict[str, dict[str, int]] = defaultdict(dict)
    for account, code, count in connection.execute(_TROUBLES, asked):
        troubles[account][code] = count
    stands = {
        account.id: Standing(
            account.api is not None,
            *heads.get(account.id, (None, 0)),
            needs.get(account.id, 0),
            synced.get(account.id),
            troubles.get(account.id, {}),
        )
        for account in accounts.values()
    }
    return Standings(size.of(connection), stands)

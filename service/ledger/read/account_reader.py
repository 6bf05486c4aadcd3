"""What every reader of an account has in common: one moment, and one transaction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from sqlalchemy import Connection

from service.clock import Clock
from service.config import Account
from service.ledger.database.database import Database
from service.ledger.database.errors import Unavailable
from service.ledger.write import heads
from service.ledger.write.heads import Head
from service.model import Instant


class Begun(NamedTuple):
    """A read that has begun: its transaction, its account, and the moment that it began at."""

    connection: Connection
    account: Account
    now: Instant

    def position(self) -> tuple[int, Instant]:
        """The sequence number, and the moment that the rows are true for. Not for rows that change by the
        clock alone: those are true at the moment of the head."""
        head = self.head()
        return head.seq, max(head.as_of, self.now)

    def head(self) -> Head:
        """The account's head. Rows that change by the clock are true at its moment."""
        return heads.prepared(self.connection, self.account.id)


class AccountReader:
    """Begins the reads of accounts.

    Args:
        accounts: By id.
        clock: Gives the moment of a read.
    """

    def __init__(self, database: Database, accounts: Mapping[str, Account], clock: Clock) -> None:
        self._database = database
        self._accounts = accounts
        self._clock = clock

    @contextmanager
    def _begin(self, account_id: str) -> Iterator[Begun]:
        """Begin a read, which is one transaction.

        Raises:
            Unavailable: The database is away, or the account is not served any more.
        """
        account, now = self._accounts.get(account_id), self._clock.now()
        if account is None:
            raise Unavailable(f"the account {account_id} is not served any more")
        with self._database.reading() as connection:
            yield Begun(connection, account, now)

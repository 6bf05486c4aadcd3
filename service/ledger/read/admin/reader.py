"""Reads what the admin page shows, in one transaction a page."""

from __future__ import annotations

from typing import Final, NamedTuple

from service.ledger.read.account_reader import AccountReader
from service.ledger.read.admin.deliveries import Told, newest, told
from service.ledger.read.admin.health import Health, health
from service.ledger.read.admin.held import PAGE as HELD
from service.ledger.read.admin.held import Held, HeldPage, held
from service.ledger.read.admin.reasons import Reasons, reasons
from service.ledger.write import log

ACCOUNTS: Final = 25
"""Accounts of a page."""


class AccountsPage(NamedTuple):
    """Accounts by id; `after`: the next page is that after this id, None: there is none."""

    rows: tuple[Health, ...]
    after: str | None


class WholeDelivery(NamedTuple):
    """A delivery, and what of it is in quarantine; None: nothing is."""

    told: Told
    held: Held | None


class AdminReader(AccountReader):
    """See the module. Every method raises `Unavailable` while the database is away, and those of one account
    `KeyError` where there is none."""

    def accounts(self, after: str) -> AccountsPage:
        """The health of the accounts after an id."""
        later = sorted(account_id for account_id in self._accounts if account_id > after)
        shown = later[:ACCOUNTS]
        accounts = [self._accounts[account_id] for account_id in shown]
        apart = self._database.is_sharded  # then a statement is for one account
        with self._database.reading() as connection:
            groups = [[one] for one in accounts] if apart else [accounts]
            rows = tuple(one for group in groups for one in health(connection, group))
        return AccountsPage(rows, shown[-1] if len(later) > ACCOUNTS else None)

    def account(self, account_id: str) -> Health:
        """The health of an account."""
        with self._begin(account_id) as begun:
            (only,) = health(begun.connection, [begun.account])
            return only

    def deliveries(self, account_id: str, upto: int | None) -> list[Told]:
        """A page of deliveries, newest first; see `newest`."""
        with self._begin(account_id) as begun:
            return newest(begun.connection, begun.account, upto)

    def delivery(self, account_id: str, number: int) -> WholeDelivery | None:
        """The delivery with this number; None if there is none."""
        with self._begin(account_id) as begun:
            connection, account, _ = begun
            stored = log.one(connection, account.id, number)
            if stored is None:
                return None
            (whole,) = told(connection, account, [stored])
            parts = log.quarantined(connection, account.id, number - 1, HELD)
            mine = tuple(part for part in parts if part.number == number)
            return WholeDelivery(whole, Held(number, mine, is_cut=len(mine) == HELD) if mine else None)

    def quarantine(self, account_id: str, after: int) -> HeldPage:
        """A page of the quarantine; see `held`."""
        with self._begin(account_id) as begun:
            return held(begun.connection, account_id, after)

    def reasons(self, account_id: str, skip: int) -> Reasons:
        """The reasons of an account; see `reasons`."""
        with self._begin(account_id) as begun:
            return reasons(*begun, skip)

    def is_held(self, account_id: str, number: int) -> bool:
        """Whether a delivery is in quarantine."""
        with self._begin(account_id) as begun:
            parts = log.quarantined(begun.connection, account_id, number - 1, 1)
            return any(part.number == number for part in parts)

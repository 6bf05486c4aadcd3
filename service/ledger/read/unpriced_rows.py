"""The deals that count with amount 0, one by one: their amount is not known, or its currency has no rate.

A read is one transaction, so the deals and their number belong to one sequence number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, func, or_, select

from service.ledger.database.tables import DEALS, STATE, SUMS
from service.ledger.read import board_rows
from service.ledger.read.account_reader import AccountReader
from service.model import Instant
from service.projections.facts import DEAL_CLIENT
from service.projections.unconverted import UNKNOWN, UNPRICED

PAGE: Final = 1_000
"""Deals that one statement returns at most."""

_CLIENTS: Final = STATE["client"]
_UNPRICED: Final = SUMS[UNPRICED]


@dataclass(frozen=True, slots=True)
class UnpricedDeal:
    """A deal that counts with amount 0.

    Args:
        client_id: `deal:<id>` for a deal that has no client.
        lost: Whether it is lost; else it is open.
        amount: In minor units of `currency`; None if the amount is not known, and so is `currency`.
    """

    deal_id: str
    name: str | None
    client_id: str
    client: str | None
    manager_id: str | None
    lost: bool
    amount: int | None
    currency: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class Unpriced:
    """The deals of an account that count with amount 0, at one sequence number.

    Args:
        as_of: The moment that they are true for.
        deals: Read page by page, as long as the transaction lasts; by currency, then by id.
        manager_names: By id, the managers whose names are known.
    """

    seq: int
    as_of: Instant
    count: int
    deals: Iterator[UnpricedDeal]
    manager_names: Mapping[str, str]


def _deals(connection: Connection, account: str, currency: str | None) -> Iterator[UnpricedDeal]:
    last: tuple[str, str] | None = None
    while True:
        rows = connection.execute(_statement(account, currency, last)).all()
        yield from map(_deal, rows)
        if len(rows) < PAGE:
            return
        last = rows[-1].key, rows[-1].id


def _deal(row: Row[*tuple[Any, ...]]) -> UnpricedDeal:
    known = row.key != UNKNOWN
    return UnpricedDeal(
        deal_id=row.id,
        name=row.name,
        client_id=row.client_id or f"{DEAL_CLIENT}{row.id}",
        client=row.client or row.client_id or None,
        manager_id=row.manager_id or None,
        lost=row.status == "lost",
        amount=row.amount if known else None,
        currency=row.key if known else None,
        url=row.url,
    )


def _statement(account: str, currency: str | None, last: tuple[str, str] | None) -> Select[*tuple[Any, ...]]:
    """The next `PAGE` deals after the last one."""
    key, deal_id = _UNPRICED.c.currency, _UNPRICED.c.deal_id
    chosen = [_UNPRICED.c.account == account]
    if currency is not None:
        chosen.append(key == currency)
    if last is not None:
        chosen += [key >= last[0], or_(key > last[0], deal_id > last[1])]
    the_deal = and_(DEALS.c.account == _UNPRICED.c.account, DEALS.c.id == deal_id)
    its_client = and_(_CLIENTS.c.account == _UNPRICED.c.account, _CLIENTS.c.id == DEALS.c.client_id)
    of_deal = DEALS.c.id, DEALS.c.name, DEALS.c.client_id, DEALS.c.manager_id, DEALS.c.status, DEALS.c.url
    return (
        select(*of_deal, DEALS.c.amount, key.label("key"), _CLIENTS.c.name.label("client"))
        .select_from(_UNPRICED.join(DEALS, the_deal).outerjoin(_CLIENTS, its_client))
        .where(*chosen)
        .order_by(key, deal_id)
        .limit(PAGE)
    )


def _count(connection: Connection, account: str, currency: str | None) -> int:
    counted = select(func.count()).where(_UNPRICED.c.account == account)
    if currency is not None:
        counted = counted.where(_UNPRICED.c.currency == currency)
    return connection.execute(counted).scalar_one()


class UnpricedReader(AccountReader):
    """Reads the deals that count with amount 0."""

    @contextmanager
    def read(self, account_id: str, currency: str | None = None) -> Iterator[Unpriced]:
        """The deals of an account. Read `deals` inside the block.

        Args:
            currency: Only those in this currency; `unconverted.UNKNOWN` for those whose amount is not known.

        Raises:
            KeyError: No such account.
            Unavailable: The database is away.
        """
        with self._begin(account_id) as begun:
            connection, account, _ = begun
            seq, as_of = begun.position()
            yield Unpriced(
                seq=seq,
                as_of=as_of,
                count=_count(connection, account.id, currency),
                deals=_deals(connection, account.id, currency),
                manager_names=board_rows.manager_names(connection, account),
            )

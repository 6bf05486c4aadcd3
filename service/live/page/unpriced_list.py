"""The list of the deals that count with amount 0, unknown or without a rate. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from service import calendar
from service.config import Account
from service.ledger.read.unpriced_rows import Unpriced, UnpricedDeal
from service.live.board.at_risk import name_of
from service.live.board.links import web_address
from service.live.board.masking import names_for
from service.live.board.query import NONE, BoardQuery, QueryError
from service.money import currency_code, decimal_string
from service.projections.unconverted import UNKNOWN


class UnpricedRow(NamedTuple):
    """A deal that counts with amount 0, with names in place of ids.

    Args:
        client: None if the deal has none; likewise `deal` (the deal's name) and `manager`.
        lost: Whether it is lost; else it is open.
        amount: A decimal string in `currency`; None, as `currency` is, if it is not known.
    """

    client: str | None
    deal_id: str
    deal: str | None
    manager: str | None
    lost: bool
    amount: str | None
    currency: str | None
    url: str | None


@dataclass(frozen=True, slots=True)
class UnpricedList:
    """Deals that count with amount 0.

    Args:
        as_of: The moment that they are true for: ISO, local.
        rows: Made one by one; consume them before the read that they come from ends.
    """

    seq: int
    as_of: str
    count: int
    currency: str | None
    rows: Iterator[UnpricedRow]


def parse_currency(parameters: Mapping[str, str]) -> str | None:
    """The currency that an address asks for: a code, `UNKNOWN` for `-`, None for all.

    Raises:
        QueryError: It is none of these.
    """
    given = parameters.get("currency", "")
    if given == NONE:
        return UNKNOWN
    if given and currency_code(given) is None:
        raise QueryError("currency is a code such as USD, or - for amounts that are not known")
    return given or None


def unpriced_list(read: Unpriced, currency: str | None, account: Account, query: BoardQuery) -> UnpricedList:
    """The deals of a read."""
    as_of = calendar.iso(read.as_of, account.zone)
    rows = (_row(deal, read, account, query) for deal in read.deals)
    return UnpricedList(read.seq, as_of, read.count, currency, rows)


def _row(deal: UnpricedDeal, read: Unpriced, account: Account, query: BoardQuery) -> UnpricedRow:
    names = names_for(query, account)
    amount = None
    if deal.amount is not None and deal.currency is not None:
        amount = decimal_string(deal.amount, deal.currency)
    return UnpricedRow(
        client=names.client(deal.client) if deal.client else None,
        deal_id=deal.deal_id,
        deal=names.deal(deal.name),
        manager=name_of(deal.manager_id, read.manager_names),
        lost=deal.lost,
        amount=amount,
        currency=deal.currency,
        url=web_address(deal.url),
    )
